//! SHA-256 digests as text.

use sha2::{Digest, Sha256};

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _never = write!(text, "{byte:02x}");
        text
    })
}

/// A short digest that identifies a file's contents in the origin of a listing.
pub(super) fn fingerprint(data: &[u8]) -> String {
    let mut digest = hex(&Sha256::digest(data));
    digest.truncate(16);
    format!("sha256 {digest}")
}

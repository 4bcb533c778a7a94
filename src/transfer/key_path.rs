//! Keys as parts of URL paths.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Every character but the unreserved ones (RFC 3986, section 2.3) and the slash.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// A key, escaped for a path; its slashes stay.
pub fn escape_key(key: &[u8]) -> String {
    percent_encode(key, ESCAPED).to_string()
}

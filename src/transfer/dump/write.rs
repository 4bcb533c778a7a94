//! Writing a dump.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::format::{DumpHeader, EndLine, EntryLine, FORMAT, Totals, encode};
use crate::transfer::Listing;
use crate::transfer::digest::hex;

/// Writes a listing as a dump.
pub fn write(out: &mut impl Write, listing: &Listing) -> io::Result<()> {
    let mut digest = Sha256::new();
    let mut line = |value: &dyn erased::Line, last: bool, digest: &mut Sha256| -> io::Result<()> {
        let mut line = value.json()?;
        line.push(b'\n');
        if !last {
            digest.update(&line);
        }
        out.write_all(&line)
    };
    let taken = jiff::Timestamp::from_millisecond(listing.read_ms).unwrap_or_default();
    let header = DumpHeader {
        format: FORMAT,
        origin: listing.origin.clone(),
        index: listing.index,
        taken: taken.to_string(),
    };
    line(&header, false, &mut digest)?;
    for (key, item) in &listing.items {
        let (key, key_base64) = encode(key);
        let (value, value_base64) = encode(&item.value);
        let entry = EntryLine {
            key,
            key_base64,
            value,
            value_base64,
            flags: item.flags,
            dir: item.dir,
            ttl_ms: item.ttl_left_ms,
        };
        line(&entry, false, &mut digest)?;
    }
    for left_out in &listing.left_out {
        line(left_out, false, &mut digest)?;
    }
    let totals = Totals {
        entries: listing.items.len(),
        sha256: hex(&digest.clone().finalize()),
    };
    line(&EndLine { end: totals }, true, &mut digest)
}

mod erased {
    use std::io;

    /// A value that is written as one line of JSON.
    pub(super) trait Line {
        fn json(&self) -> io::Result<Vec<u8>>;
    }

    impl<T: serde::Serialize> Line for T {
        fn json(&self) -> io::Result<Vec<u8>> {
            Ok(serde_json::to_vec(self)?)
        }
    }
}

//! Writing a dump.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::format::{
    DumpHeader, EndLine, EntryLine, FIRST_FORMAT, FORMAT, RootLine, Totals, encode,
};
use crate::transfer::digest::hex;
use crate::transfer::{Item, Listing, ZnodeItem};

/// Writes a listing as a dump.
pub fn write(out: &mut impl Write, listing: &Listing) -> io::Result<()> {
    let mut digest = Sha256::new();
    let mut line =
        |value: &dyn erased::JsonLine, last: bool, digest: &mut Sha256| -> io::Result<()> {
            let mut line = value.json()?;
            line.push(b'\n');
            if !last {
                digest.update(&line);
            }
            out.write_all(&line)
        };
    let taken = jiff::Timestamp::from_millisecond(listing.read_ms).unwrap_or_default();
    let header = DumpHeader {
        format: format(listing),
        origin: listing.origin.clone(),
        index: listing.index,
        taken: taken.to_string(),
    };
    line(&header, false, &mut digest)?;
    if let Some(root) = &listing.root {
        let root = entry_line(root);
        line(&RootLine { root }, false, &mut digest)?;
    }
    for (key, item) in &listing.items {
        let (key, key_base64) = encode(key);
        let entry = EntryLine {
            key,
            key_base64,
            ..entry_line(item)
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

/// An entry without its key.
fn entry_line(item: &Item) -> EntryLine {
    let (value, value_base64) = encode(&item.value);
    EntryLine {
        value,
        value_base64,
        flags: item.flags,
        dir: item.dir,
        ttl_ms: item.ttl_left_ms,
        znode: item.znode.clone().unwrap_or_default(),
        versions: item.versions,
        ..EntryLine::default()
    }
}

/// The lowest format that has all of a listing.
fn format(listing: &Listing) -> u32 {
    let is_plain = |item: &Item| {
        let znode = item.znode.as_ref();
        item.versions.is_none() && znode.is_none_or(|znode| *znode == ZnodeItem::default())
    };
    if listing.root.is_none() && listing.items.values().all(is_plain) {
        FIRST_FORMAT
    } else {
        FORMAT
    }
}

mod erased {
    use std::io;

    /// A value that is written as one line of JSON.
    pub(super) trait JsonLine {
        fn json(&self) -> io::Result<Vec<u8>>;
    }

    impl<T: serde::Serialize> JsonLine for T {
        fn json(&self) -> io::Result<Vec<u8>> {
            Ok(serde_json::to_vec(self)?)
        }
    }
}

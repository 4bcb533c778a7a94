//! Reading a dump, with an error for a dump that is incomplete, damaged or of a newer format.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::format::{DumpHeader, EndLine, EntryLine, FIRST_FORMAT, FORMAT, RootLine, decode};
use crate::transfer::digest::{fingerprint, hex};
use crate::transfer::{Error, Item, LeftOut, Listing};

/// Reads a dump. TTLs continue from `read_ms` with what was left of them.
pub(in crate::transfer) fn parse(data: &[u8], read_ms: i64) -> Result<Listing, Error> {
    let invalid = |line: &str| Error::Input(line.to_owned());
    let first = data.split_inclusive(|byte| *byte == b'\n').next();
    let header = first.and_then(|line| serde_json::from_slice::<DumpHeader>(line).ok());
    let header = header.ok_or_else(|| {
        invalid("the data is neither a dump of kubekv export --from nor an export of Consul (a file is given as @FILE)")
    })?;
    if header.format > FORMAT {
        return Err(invalid("the dump was written by a newer kubekv"));
    }
    let mut listing = Listing {
        origin: format!(
            "a dump of {}, taken {} ({})",
            header.origin,
            header.taken,
            fingerprint(data)
        ),
        index: header.index,
        read_ms,
        ..Listing::default()
    };
    let (mut digest, mut totals) = (Sha256::new(), None);
    for (number, line) in data.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if totals.is_some() {
            return Err(invalid("the dump continues after its last line"));
        }
        if let Ok(EndLine { end }) = serde_json::from_slice(line) {
            totals = Some(end);
            continue;
        }
        digest.update(line);
        if number > 0 && !add_line(&mut listing, header.format, line) {
            if !line.ends_with(b"\n") {
                break;
            }
            let text = format!("line {} is not a line of a dump", number + 1);
            return Err(Error::Input(text));
        }
    }
    let Some(totals) = totals else {
        return Err(invalid("the dump is cut off: its last line is missing"));
    };
    if totals.entries != listing.items.len() || totals.sha256 != hex(&digest.finalize()) {
        return Err(invalid(
            "the dump is damaged: its count or checksum is not that of its last line",
        ));
    }
    Ok(listing)
}

/// Adds the line of an entry, of the root, or of something left out, to a listing. False if it is none, or a key is repeated.
fn add_line(listing: &mut Listing, format: u32, line: &[u8]) -> bool {
    if let Ok(left_out) = serde_json::from_slice::<LeftOut>(line) {
        listing.left_out.push(left_out);
        return true;
    }
    if let Ok(RootLine { root }) = serde_json::from_slice(line) {
        let is_first = listing.root.is_none() && root.key.is_none() && root.key_base64.is_none();
        listing.root = item(root, format);
        return is_first && listing.root.is_some();
    }
    let Ok(mut entry) = serde_json::from_slice::<EntryLine>(line) else {
        return false;
    };
    let key = decode(entry.key.take(), entry.key_base64.take());
    let (Some(key), Some(item)) = (key, item(entry, format)) else {
        return false;
    };
    let is_repeated = listing.items.insert(key, item).is_some();
    !is_repeated
}

/// The entry of a line; `None` if the line has no value.
fn item(entry: EntryLine, format: u32) -> Option<Item> {
    let value = decode(entry.value, entry.value_base64)?;
    Some(Item {
        value: Bytes::from(value),
        flags: entry.flags,
        dir: entry.dir,
        ttl_left_ms: entry.ttl_ms,
        // A dump of the first format does not say that there are none.
        znode: (format > FIRST_FORMAT).then_some(entry.znode),
        versions: entry.versions,
    })
}

//! Entries in a file: lines of JSON, of which the first says what it is and the last that it is whole.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Error, Export, Item, LeftOut, Listing};
use crate::model::{DirMark, time};

/// What the first line says.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(rename = "kubekv-dump")]
    format: u32,
    /// Where it was read.
    origin: String,
    /// As of which index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    /// When, for people.
    taken: String,
}

/// A line of an entry: text as it is, what is no UTF-8 in Base64.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_base64: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    flags: u64,
    #[serde(skip_serializing_if = "is_default")]
    dir: DirMark,
    /// What was left of its TTL.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_ms: Option<u64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The last line.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct End {
    end: Whole,
}

#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    /// How many entries came before.
    entries: usize,
    /// Of every byte before this line.
    sha256: String,
}

/// Text, or Base64.
fn text(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

fn bytes(text: Option<String>, base64: Option<String>) -> Option<Vec<u8>> {
    match (text, base64) {
        (Some(text), None) => Some(text.into_bytes()),
        (None, Some(base64)) => STANDARD.decode(base64).ok(),
        _ => None,
    }
}

/// Writes a listing.
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
    let header = Header {
        format: FORMAT,
        origin: listing.origin.clone(),
        index: listing.index,
        taken: taken.to_string(),
    };
    line(&header, false, &mut digest)?;
    for (key, item) in &listing.items {
        let (key, key_base64) = text(key);
        let (value, value_base64) = text(&item.value);
        let row = Row {
            key,
            key_base64,
            value,
            value_base64,
            flags: item.flags,
            dir: item.dir,
            ttl_ms: item.ttl_left_ms,
        };
        line(&row, false, &mut digest)?;
    }
    for left_out in &listing.left_out {
        line(left_out, false, &mut digest)?;
    }
    let whole = Whole {
        entries: listing.items.len(),
        sha256: hex(&digest.clone().finalize()),
    };
    line(&End { end: whole }, true, &mut digest)
}

mod erased {
    use std::io;

    /// Something that is a line of JSON.
    pub(super) trait Line {
        fn json(&self) -> io::Result<Vec<u8>>;
    }

    impl<T: serde::Serialize> Line for T {
        fn json(&self) -> io::Result<Vec<u8>> {
            Ok(serde_json::to_vec(self)?)
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _never = write!(text, "{byte:02x}");
        text
    })
}

impl Listing {
    /// Reads a dump, or what `consul kv export` wrote or Consul's API answered. TTLs begin anew, with what was left of them.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        let read_ms = time::unix_ms();
        if Export::is_meant(data) {
            let Export { entries, left_out } = Export::parse(data)?;
            return Ok(Self {
                origin: format!("an export of Consul ({})", name(data)),
                read_ms,
                items: entries
                    .into_iter()
                    .map(|(key, item)| (key.into_bytes(), item))
                    .collect(),
                left_out,
                ..Self::default()
            });
        }
        parse(data, read_ms)
    }
}

/// A name of some bytes that no others have.
fn name(data: &[u8]) -> String {
    let mut digest = hex(&Sha256::digest(data));
    digest.truncate(16);
    format!("sha256 {digest}")
}

fn parse(data: &[u8], read_ms: i64) -> Result<Listing, Error> {
    let wrong = |line: &str| Error::Input(line.to_owned());
    let first = data.split_inclusive(|byte| *byte == b'\n').next();
    let header = first.and_then(|line| serde_json::from_slice::<Header>(line).ok());
    let header = header.ok_or_else(|| {
        wrong("the data is neither a dump of kubekv export --from nor an export of Consul (a file is given as @FILE)")
    })?;
    if header.format > FORMAT {
        return Err(wrong("the dump was written by a newer kubekv"));
    }
    let mut listing = Listing {
        origin: format!(
            "a dump of {}, taken {} ({})",
            header.origin,
            header.taken,
            name(data)
        ),
        index: header.index,
        read_ms,
        ..Listing::default()
    };
    let (mut digest, mut whole) = (Sha256::new(), None);
    for (number, line) in data.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if whole.is_some() {
            return Err(wrong("the dump goes on after its last line"));
        }
        if let Ok(End { end }) = serde_json::from_slice(line) {
            whole = Some(end);
            continue;
        }
        digest.update(line);
        if number > 0 && !take(&mut listing, line) {
            if !line.ends_with(b"\n") {
                break;
            }
            let what = format!("line {} is none of a dump", number + 1);
            return Err(Error::Input(what));
        }
    }
    let Some(whole) = whole else {
        return Err(wrong("the dump is cut off: its last line is missing"));
    };
    if whole.entries != listing.items.len() || whole.sha256 != hex(&digest.finalize()) {
        return Err(wrong(
            "the dump is damaged: it is not what its last line says",
        ));
    }
    Ok(listing)
}

/// Takes in a line of an entry, or of something left out; says whether it is one.
fn take(listing: &mut Listing, line: &[u8]) -> bool {
    if let Ok(left_out) = serde_json::from_slice::<LeftOut>(line) {
        listing.left_out.push(left_out);
        return true;
    }
    let Ok(row) = serde_json::from_slice::<Row>(line) else {
        return false;
    };
    let (Some(key), Some(value)) = (
        bytes(row.key, row.key_base64),
        bytes(row.value, row.value_base64),
    ) else {
        return false;
    };
    let item = Item {
        value: Bytes::from(value),
        flags: row.flags,
        dir: row.dir,
        ttl_left_ms: row.ttl_ms,
    };
    let twice = listing.items.insert(key, item).is_some();
    !twice
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::super::{Left, shown};
    use super::*;

    fn item() -> impl Strategy<Value = Item> {
        let dir = prop_oneof![
            Just(DirMark::No),
            Just(DirMark::Made),
            Just(DirMark::Implied)
        ];
        (
            vec(any::<u8>(), 0..40),
            any::<u64>(),
            dir,
            any::<Option<u64>>(),
        )
            .prop_map(|(value, flags, dir, ttl_left_ms)| Item {
                value: Bytes::from(value),
                flags,
                dir,
                ttl_left_ms,
            })
    }

    fn dumped(listing: &Listing) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, listing).unwrap();
        out
    }

    proptest! {
        #[test]
        fn a_dump_holds_all_there_is_and_no_part_of_it_passes_for_one(
            items in btree_map(vec(any::<u8>(), 0..20), item(), 0..8),
            cut in any::<prop::sample::Index>(),
            flip in any::<prop::sample::Index>(),
        ) {
            let mut listing = Listing { items, ..Listing::default() };
            listing.leave(Left::Lock, "a \"lock\"\n");
            let dump = dumped(&listing);
            let read = Listing::parse(&dump).unwrap();
            prop_assert_eq!(&read.items, &listing.items);
            prop_assert_eq!(&read.left_out, &listing.left_out);
            // The very last byte is the end of the last line, which may go.
            let cut = cut.index(dump.len() - 1);
            prop_assert!(Listing::parse(&dump[..cut]).is_err());
            let mut flipped = dump.clone();
            let at = flip.index(dump.len() - 1);
            flipped[at] ^= 1;
            let end = dump[..dump.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
            if at <= end {
                prop_assert!(Listing::parse(&flipped).is_err());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(data in vec(any::<u8>(), 0..200)) {
            let _read = Listing::parse(&data);
        }
    }

    #[test]
    fn what_is_wrong_with_a_dump_is_said() {
        let mut listing = Listing::default();
        for key in ["a", "b"] {
            listing.items.insert(key.into(), Item::default());
        }
        let dump = String::from_utf8(dumped(&listing)).unwrap();
        let lines: Vec<&str> = dump.lines().collect();
        let said = |lines: &[&str]| {
            let text = lines.join("\n") + "\n";
            Listing::parse(text.as_bytes()).unwrap_err().to_string()
        };
        assert!(said(&lines[..3]).contains("cut off"));
        assert!(said(&[lines[0], lines[1], lines[3]]).contains("damaged"));
        assert!(said(&[lines[0], "{}", lines[3]]).contains("line 2"));
        assert!(said(&[lines[0], lines[1], lines[1], lines[3]]).contains("line 3"));
        assert!(said(&[lines[0], lines[1], lines[2], lines[3], lines[1]]).contains("after"));
        assert!(said(&["fleet.dump"]).contains("@FILE"));
        let newer = lines[0].replace("\"kubekv-dump\":1", "\"kubekv-dump\":2");
        assert!(said(&[&newer, lines[3]]).contains("newer"));
        assert_eq!(shown(b"a\nb\xff"), "a\\nb\\xff");
    }
}

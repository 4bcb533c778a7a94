//! Tests of dumps, written and parsed.

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::write;
use crate::model::DirMark;
use crate::transfer::{Item, LeftOutReason, Listing, printable};

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
    fn a_dump_survives_reading_and_no_cut_or_changed_one_is_accepted(
        items in btree_map(vec(any::<u8>(), 0..20), item(), 0..8),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut listing = Listing { items, ..Listing::default() };
        listing.leave_out(LeftOutReason::Lock, "a \"lock\"\n");
        let dump = dumped(&listing);
        let read = Listing::parse(&dump).unwrap();
        prop_assert_eq!(&read.items, &listing.items);
        prop_assert_eq!(&read.left_out, &listing.left_out);
        // The last byte is the newline of the last line, which may be missing.
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
    fn arbitrary_bytes_never_panic(data in vec(any::<u8>(), 0..200)) {
        let _read = Listing::parse(&data);
    }
}

#[test]
fn errors_name_what_is_wrong_with_a_dump() {
    let mut listing = Listing::default();
    for key in ["a", "b"] {
        listing.items.insert(key.into(), Item::default());
    }
    let dump = String::from_utf8(dumped(&listing)).unwrap();
    let lines: Vec<&str> = dump.lines().collect();
    let error = |lines: &[&str]| {
        let text = lines.join("\n") + "\n";
        Listing::parse(text.as_bytes()).unwrap_err().to_string()
    };
    assert!(error(&lines[..3]).contains("cut off"));
    assert!(error(&[lines[0], lines[1], lines[3]]).contains("damaged"));
    assert!(error(&[lines[0], "{}", lines[3]]).contains("line 2"));
    assert!(error(&[lines[0], lines[1], lines[1], lines[3]]).contains("line 3"));
    assert!(error(&[lines[0], lines[1], lines[2], lines[3], lines[1]]).contains("after"));
    assert!(error(&["fleet.dump"]).contains("@FILE"));
    let newer = lines[0].replace("\"kubekv-dump\":1", "\"kubekv-dump\":2");
    assert!(error(&[&newer, lines[3]]).contains("newer"));
    assert_eq!(printable(b"a\nb\xff"), "a\\nb\\xff");
}

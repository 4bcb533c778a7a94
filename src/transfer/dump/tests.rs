//! Tests of dumps, written and parsed.

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::write;
use crate::model::{AccessEntry, AccessList, DirMark};
use crate::transfer::{Item, ItemVersions, LeftOutReason, Listing, ZnodeItem, printable};

fn item() -> impl Strategy<Value = Item> {
    let dir = prop_oneof![
        Just(DirMark::No),
        Just(DirMark::Made),
        Just(DirMark::Implied)
    ];
    let plain = (
        vec(any::<u8>(), 0..40),
        any::<u64>(),
        dir,
        any::<Option<u64>>(),
    );
    (plain, znode(), any::<Option<(u64, u32)>>()).prop_map(
        |((value, flags, dir, ttl_left_ms), znode, versions)| Item {
            value: Bytes::from(value),
            flags,
            dir,
            ttl_left_ms,
            znode: Some(znode),
            versions: versions.map(|(data, acl)| ItemVersions { data, acl }),
        },
    )
}

fn znode() -> impl Strategy<Value = ZnodeItem> {
    let entry = (any::<i32>(), any::<String>(), any::<String>());
    let entry = entry.prop_map(|(perms, scheme, id)| AccessEntry { perms, scheme, id });
    let acl = prop::option::of(vec(entry, 0..3));
    (acl, any::<bool>(), any::<bool>(), any::<Option<u64>>()).prop_map(
        |(acl, null, container, ttl_ms)| ZnodeItem {
            acl: acl.map(AccessList::from),
            null,
            container,
            ttl_ms,
        },
    )
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
        root in prop::option::of(item()),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut listing = Listing { items, root, ..Listing::default() };
        listing.leave_out(LeftOutReason::Lock, "a \"lock\"\n");
        let dump = dumped(&listing);
        let read = Listing::parse(&dump).unwrap();
        // Where no entry has any attribute of ZooKeeper's, it does not say so.
        let has_none = dump.starts_with(b"{\"kubekv-dump\":1");
        let mut wanted = listing.items.clone();
        for item in wanted.values_mut().filter(|_| has_none) {
            prop_assert_eq!(item.znode.take(), Some(ZnodeItem::default()));
        }
        prop_assert_eq!(&read.items, &wanted);
        prop_assert_eq!(&read.root, &listing.root);
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
    let root = "{\"root\":{\"value\":\"v\"}}";
    assert!(error(&[lines[0], root, root, lines[3]]).contains("line 3"));
    assert!(error(&[lines[0], "{\"root\":{}}", lines[3]]).contains("line 2"));
    let named = "{\"root\":{\"key\":\"a\",\"value\":\"v\"}}";
    assert!(error(&[lines[0], named, lines[3]]).contains("line 2"));
    assert!(error(&["fleet.dump"]).contains("@FILE"));
    let newer = lines[0].replace("\"kubekv-dump\":1", "\"kubekv-dump\":3");
    assert!(error(&[&newer, lines[3]]).contains("newer"));
    assert_eq!(printable(b"a\nb\xff"), "a\\nb\\xff");
}

#[test]
fn dump_without_what_zookeeper_keeps_is_that_of_the_first_format() {
    let mut listing = Listing::default();
    let plain = Item {
        value: "v".into(),
        znode: Some(ZnodeItem::default()),
        ..Item::default()
    };
    listing.items.insert(b"a".to_vec(), plain);
    let lines = "{\"kubekv-dump\":1,\"origin\":\"\",\"taken\":\"1970-01-01T00:00:00Z\"}\n{\"key\":\"a\",\"value\":\"v\"}\n";
    assert!(dumped(&listing).starts_with(lines.as_bytes()));
    let closed = ZnodeItem {
        acl: Some(AccessList::from(vec![AccessEntry {
            perms: 1,
            scheme: "ip".to_owned(),
            id: "::1".to_owned(),
        }])),
        ..ZnodeItem::default()
    };
    let item = listing.items.get_mut(&b"a"[..]).unwrap();
    item.znode = Some(closed);
    item.versions = Some(ItemVersions { data: 7, acl: 0 });
    let text = String::from_utf8(dumped(&listing)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("{\"kubekv-dump\":2,"), "{text}");
    let line = r#"{"key":"a","value":"v","znode":{"acl":[{"perms":1,"scheme":"ip","id":"::1"}]},"versions":{"data":7,"acl":0}}"#;
    assert_eq!(lines[1], line);
}

//! Entries, decoded from a value and the attributes beside it.

use bytes::Bytes;
use etcd_client::KeyValue;

use super::numbering::Numbering;
use super::records::AttributesRecord;
use super::revision;
use crate::model::{Attrs, Entry, Key, Mark, Record, Revision};

/// A value as etcd has it.
#[derive(Clone, Debug)]
pub(crate) struct StoredValue {
    pub(crate) bytes: Bytes,
    /// etcd's own count of the key's writes, from 1.
    pub(crate) version: u64,
    /// The revision the key was created at.
    pub(crate) created: u64,
    /// The revision the value was written at.
    pub(crate) modified: u64,
}

impl StoredValue {
    /// The value of a key in an answer of etcd.
    pub(crate) fn of(pair: &KeyValue) -> Self {
        Self {
            bytes: Bytes::copy_from_slice(pair.value()),
            version: revision::from_wire(pair.version()),
            created: revision::from_wire(pair.create_revision()),
            modified: revision::from_wire(pair.mod_revision()),
        }
    }
}

/// The entry of a value and the attributes that belong to it. A value without any is an external write: of the attributes
/// of the value before, those of `outlasting` stay.
pub(crate) fn decode_entry(
    value: StoredValue,
    attributes: Option<AttributesRecord>,
    outlasting: Option<&Attrs>,
    numbering: Numbering,
) -> Entry {
    let (attrs, modified) = if let Some(attributes) = attributes {
        let written = numbering.index(value.modified, attributes.place);
        // The commit comes before the renaming: a later index was written by hand, and would raise all indexes.
        let at = attributes.at.filter(|at| *at <= written);
        let index = at.unwrap_or(written);
        (attributes.attrs, Revision::new(index, attributes.sub))
    } else {
        let attrs = external_attrs(&value, outlasting, numbering);
        (attrs, Revision::new(numbering.index(value.modified, 0), 0))
    };
    Entry {
        record: Record {
            value: value.bytes,
            attrs,
        },
        modified,
    }
}

/// The attributes of an external write, from etcd's own counts. Those do not say in which place of its transaction the entry
/// was created: the first stands for it.
fn external_attrs(value: &StoredValue, outlasting: Option<&Attrs>, numbering: Numbering) -> Attrs {
    let created = if value.created == value.modified {
        Mark::ThisWrite
    } else {
        Mark::At(numbering.index(value.created, 0))
    };
    let attrs = outlasting.cloned().unwrap_or_default();
    Attrs {
        version: attrs.counted_version(value.version.saturating_sub(1)),
        created,
        ..attrs
    }
}

/// The key of an in-order entry: its directory, and the index of the commit that made it.
pub(crate) fn in_order_key(parent: &[u8], index: u64) -> Key {
    let mut bytes = parent.to_vec();
    bytes.extend_from_slice(format!("{index:020}").as_bytes());
    Key::user(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::shared::election::leader_record::LeaderRecord;

    fn offset(offset: u64) -> Numbering {
        let record = LeaderRecord {
            offset,
            ..LeaderRecord::default()
        };
        Numbering::of(&record)
    }

    fn value(created: u64, modified: u64) -> StoredValue {
        StoredValue {
            bytes: Bytes::from_static(b"v"),
            version: 3,
            created,
            modified,
        }
    }

    #[test]
    fn external_write_is_counted_as_etcd_counts_it() {
        let updated = decode_entry(value(4, 9), None, None, offset(100));
        assert_eq!(updated.modified, Revision::new(109, 0));
        assert_eq!(updated.attrs().version, 2);
        assert_eq!(updated.attrs().created, Mark::At(104));
        let created = decode_entry(value(9, 9), None, None, offset(100));
        assert_eq!(created.attrs().created, Mark::ThisWrite);
    }

    #[test]
    fn renamed_entry_keeps_the_index_of_its_commit() {
        let attributes = AttributesRecord {
            sub: 2,
            at: Some(105),
            ..AttributesRecord::default()
        };
        let renamed = decode_entry(value(9, 9), Some(attributes), None, offset(100));
        assert_eq!(renamed.modified, Revision::new(105, 2));
        let edited = AttributesRecord {
            at: Some(1 << 60),
            ..AttributesRecord::default()
        };
        let edited = decode_entry(value(9, 9), Some(edited), None, offset(100));
        assert_eq!(edited.modified, Revision::new(109, 0));
    }

    #[test]
    fn in_order_keys_sort_as_their_indexes() {
        assert_eq!(in_order_key(b"q/", 7), Key::user("q/00000000000000000007"));
        assert!(in_order_key(b"q/", 9) < in_order_key(b"q/", 10));
    }
}

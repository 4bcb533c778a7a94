//! Access lists: who may do what with an entry, as ZooKeeper's clients set them. They bind callers of every face.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::ip_range::IpRange;
use super::permissions::Permissions;

/// All permissions: to read, write, create, delete and administer.
const ALL_PERMS: i32 = 31;

/// The permission to read.
const READ_PERMS: i32 = 1;

/// The scheme and the id that every caller has.
const ANYONE: (&str, &str) = ("world", "anyone");

/// The bytes of an entry's JSON besides its scheme and id: names, punctuation, and ten digits with a sign.
const JSON_OVERHEAD: usize = 45;

/// An entry of an access list, as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccessEntry {
    /// Bits: 1 read, 2 write, 4 create, 8 delete, 16 administer. Others mean nothing and are kept.
    pub perms: i32,
    /// How a caller proves to be meant: `world`, `ip`, `digest`, ...
    pub scheme: String,
    /// Who is meant, in the scheme's own form.
    pub id: String,
}

impl AccessEntry {
    /// Whether it means everybody, or all who come from an address: all that a caller of Consul or etcd is to a list.
    pub fn means_address(&self, address: IpAddr) -> bool {
        match self.scheme.as_str() {
            "world" => self.is_world(),
            "ip" => IpRange::parse(&self.id).is_some_and(|range| range.contains(address)),
            _ => false,
        }
    }

    /// Whether it means everybody.
    pub fn is_world(&self) -> bool {
        (self.scheme.as_str(), self.id.as_str()) == ANYONE
    }
}

/// An access list. Clones share its entries: a write that leaves the list alone copies a pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccessList(Arc<[AccessEntry]>);

impl AccessList {
    /// The longest list that a client may set, in [`AccessList::stored_bytes`]: all stores take it beside a value.
    pub const MAX_BYTES: usize = 16 << 10;

    /// The list that permits everybody everything: that of an entry without a list.
    pub fn open() -> Self {
        static OPEN: LazyLock<AccessList> = LazyLock::new(|| AccessList::of_everybody(ALL_PERMS));
        OPEN.clone()
    }

    /// The list that permits everybody to read, and nobody anything else.
    pub fn readable() -> Self {
        Self::of_everybody(READ_PERMS)
    }

    fn of_everybody(perms: i32) -> Self {
        let (scheme, id) = ANYONE;
        Self::from(vec![AccessEntry {
            perms,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        }])
    }

    /// Whether it is the open one and no other, not even a longer one that permits as much.
    pub fn is_open(&self) -> bool {
        matches!(self.entries(), [entry] if entry.perms == ALL_PERMS && entry.is_world())
    }

    /// Whether it gives one of these permissions to a caller, of whom `is_meant` says which entries mean it. A list without
    /// entries gives all of them to everybody.
    pub fn permits(&self, wanted: Permissions, is_meant: impl Fn(&AccessEntry) -> bool) -> bool {
        let gives = |entry: &AccessEntry| wanted.are_in(entry.perms) && is_meant(entry);
        self.0.is_empty() || self.0.iter().any(gives)
    }

    /// Whether it gives one of these permissions to a caller who has proved nothing, at this address.
    pub fn permits_address(&self, wanted: Permissions, address: IpAddr) -> bool {
        self.permits(wanted, |entry| entry.means_address(address))
    }

    /// Its entries, in their order.
    pub fn entries(&self) -> &[AccessEntry] {
        &self.0
    }

    /// The most bytes that it takes in a store, as JSON.
    pub fn stored_bytes(&self) -> usize {
        let entry =
            |entry: &AccessEntry| JSON_OVERHEAD + json_bytes(&entry.scheme) + json_bytes(&entry.id);
        self.0.iter().map(entry).sum()
    }

    /// About how many bytes it takes in memory.
    pub fn memory_bytes(&self) -> usize {
        let entry =
            |entry: &AccessEntry| size_of::<AccessEntry>() + entry.scheme.len() + entry.id.len();
        self.0.iter().map(entry).sum()
    }
}

/// The most bytes of a text in JSON, without quotation marks: an escaped character takes six.
fn json_bytes(text: &str) -> usize {
    let is_escaped = |byte: &u8| *byte < b' ' || matches!(byte, b'"' | b'\\');
    text.len()
        + 5 * text
            .as_bytes()
            .iter()
            .filter(|byte| is_escaped(byte))
            .count()
}

impl From<Vec<AccessEntry>> for AccessList {
    fn from(entries: Vec<AccessEntry>) -> Self {
        Self(entries.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(perms: i32, scheme: &str, id: &str) -> AccessEntry {
        AccessEntry {
            perms,
            scheme: scheme.to_owned(),
            id: id.to_owned(),
        }
    }

    #[test]
    fn only_the_list_of_one_entry_for_everybody_is_open() {
        assert!(AccessList::open().is_open());
        for other in [
            vec![],
            vec![entry(15, "world", "anyone")],
            // A bit that means nothing is kept, so this is another list.
            vec![entry(63, "world", "anyone")],
            vec![entry(31, "ip", "anyone")],
            vec![entry(31, "world", "anyone"), entry(1, "ip", "10.0.0.1")],
        ] {
            let list = AccessList::from(other);
            assert!(!list.is_open(), "{list:?}");
        }
    }

    proptest! {
        #[test]
        fn stored_bytes_are_at_least_the_json(
            entries in prop::collection::vec((any::<i32>(), any::<String>(), any::<String>()), 0..5),
        ) {
            let entries = entries.iter().map(|(perms, scheme, id)| entry(*perms, scheme, id));
            let list = AccessList::from(entries.collect::<Vec<_>>());
            let json = serde_json::to_string(&list).unwrap();
            prop_assert!(json.len() <= list.stored_bytes() + 2, "{}", json);
            let read: AccessList = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, list);
        }
    }
}

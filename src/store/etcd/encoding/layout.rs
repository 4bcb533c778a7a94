//! Key layout: where under the prefix each thing is stored.
//!
//! ```text
//! PREFIX/KEY                     the value of a client's entry, raw
//! PREFIX/.kubekv/attributes/REST the attributes of the value at PREFIX/REST
//! PREFIX/.kubekv/lead            the leader record
//! PREFIX/.kubekv/term            the term record: written when leadership is taken, compared by every write
//! PREFIX/.kubekv/commit          the write id and cause of a commit that puts no value
//! PREFIX/.kubekv/commit/PLACE    the same of a commit that shares a transaction, in which its place is not 0
//! PREFIX/.kubekv/own/KEY         the gateways' own entries: sessions, lock delays
//! PREFIX/.kubekv/in-order/NAME   an in-order entry under its temporary name
//! PREFIX/.kubekv/key/KEY         a client's entry whose key itself begins with ".kubekv/"
//! ```
//!
//! An in-order entry (etcd v2 POST) is named by the index of its own commit, which is not known beforehand. It is written
//! under a temporary name, and a second transaction renames it.

use super::numbering::LAST_PLACE;
use crate::model::{Key, Realm};

/// The beginning of everything under the prefix that is not a client's key as it is.
const RESERVED: &[u8] = b".kubekv/";

const ATTRIBUTES: &[u8] = b".kubekv/attributes/";
const LEADER: &[u8] = b".kubekv/lead";
const TERM: &[u8] = b".kubekv/term";
const COMMIT: &[u8] = b".kubekv/commit";
const OWN: &[u8] = b".kubekv/own/";
const IN_ORDER: &[u8] = b".kubekv/in-order/";
const ESCAPED: &[u8] = b".kubekv/key/";

/// The layout of the keys under one prefix, which ends in a slash.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    prefix: Vec<u8>,
}

/// A key of etcd under the prefix, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EtcdKey {
    /// The value of an entry.
    Value(EntryName),
    /// The attributes of an entry.
    Attributes(EntryName),
    /// The leader record.
    Leader,
    /// The term record.
    Term,
    /// The record of the commit at a place of its transaction, where it is in no value's attributes.
    Commit(u8),
}

/// The name an entry has in etcd.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum EntryName {
    /// The entry's key.
    Key(Key),
    /// The temporary name of an in-order entry.
    Temporary(String),
}

impl Layout {
    /// The layout under this prefix and a slash.
    pub(crate) fn new(prefix: &str) -> Self {
        let mut prefix = prefix.trim_end_matches('/').as_bytes().to_vec();
        prefix.push(b'/');
        Self { prefix }
    }

    /// The range of all keys: the first one, and the first one after them.
    pub(crate) fn range(&self) -> (Vec<u8>, Vec<u8>) {
        let mut end = self.prefix.clone();
        end.pop();
        end.push(b'/' + 1);
        (self.prefix.clone(), end)
    }

    fn under_prefix(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut key = self.prefix.clone();
        for part in parts {
            key.extend_from_slice(part);
        }
        key
    }

    /// What stands before a key's bytes.
    fn zone_prefix(key: &Key) -> &'static [u8] {
        match key.realm() {
            Realm::System => OWN,
            Realm::User if key.as_bytes().starts_with(RESERVED) => ESCAPED,
            Realm::User => b"",
        }
    }

    /// The zone of a key: keys of one zone have the same order in etcd as here, with no other key of kubekv between.
    pub(crate) fn zone(key: &Key) -> u8 {
        match key.realm() {
            Realm::System => 0,
            Realm::User if key.as_bytes().starts_with(RESERVED) => 1,
            Realm::User if key.as_bytes() < RESERVED => 2,
            Realm::User => 3,
        }
    }

    pub(crate) fn value(&self, key: &Key) -> Vec<u8> {
        self.under_prefix(&[Self::zone_prefix(key), key.as_bytes()])
    }

    pub(crate) fn attributes(&self, key: &Key) -> Vec<u8> {
        self.under_prefix(&[ATTRIBUTES, Self::zone_prefix(key), key.as_bytes()])
    }

    pub(crate) fn temporary_value(&self, name: &str) -> Vec<u8> {
        self.under_prefix(&[IN_ORDER, name.as_bytes()])
    }

    pub(crate) fn temporary_attributes(&self, name: &str) -> Vec<u8> {
        self.under_prefix(&[ATTRIBUTES, IN_ORDER, name.as_bytes()])
    }

    pub(crate) fn leader(&self) -> Vec<u8> {
        self.under_prefix(&[LEADER])
    }

    pub(crate) fn term(&self) -> Vec<u8> {
        self.under_prefix(&[TERM])
    }

    pub(crate) fn commit(&self, place: u8) -> Vec<u8> {
        if place == 0 {
            return self.under_prefix(&[COMMIT]);
        }
        self.under_prefix(&[COMMIT, b"/", place.to_string().as_bytes()])
    }

    /// The bytes of a key.
    pub(crate) fn encode(&self, key: &EtcdKey) -> Vec<u8> {
        match key {
            EtcdKey::Value(EntryName::Key(key)) => self.value(key),
            EtcdKey::Value(EntryName::Temporary(name)) => self.temporary_value(name),
            EtcdKey::Attributes(EntryName::Key(key)) => self.attributes(key),
            EtcdKey::Attributes(EntryName::Temporary(name)) => self.temporary_attributes(name),
            EtcdKey::Leader => self.leader(),
            EtcdKey::Term => self.term(),
            EtcdKey::Commit(place) => self.commit(*place),
        }
    }

    /// The key of these bytes; `None` where no gateway would have written it.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Option<EtcdKey> {
        let rest = bytes.strip_prefix(self.prefix.as_slice())?;
        match rest {
            LEADER => Some(EtcdKey::Leader),
            TERM => Some(EtcdKey::Term),
            COMMIT => Some(EtcdKey::Commit(0)),
            _ => {
                if let Some(place) = rest.strip_prefix(COMMIT) {
                    return Some(EtcdKey::Commit(later_place(place)?));
                }
                match rest.strip_prefix(ATTRIBUTES) {
                    Some(rest) => Some(EtcdKey::Attributes(entry_name(rest)?)),
                    None => Some(EtcdKey::Value(entry_name(rest)?)),
                }
            }
        }
    }
}

/// The place after the first that these bytes name, spelled as a gateway does.
fn later_place(bytes: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(bytes.strip_prefix(b"/")?).ok()?;
    let place = text.parse().ok();
    let place = place.filter(|place| (1..=LAST_PLACE).contains(place))?;
    (u8::to_string(&place) == text).then_some(place)
}

/// The entry whose value stands at these bytes under the prefix.
fn entry_name(rest: &[u8]) -> Option<EntryName> {
    if !rest.starts_with(RESERVED) {
        return Some(EntryName::Key(Key::user(rest)));
    }
    if let Some(bytes) = rest.strip_prefix(OWN) {
        return Some(EntryName::Key(Key::system(bytes)));
    }
    if let Some(name) = rest.strip_prefix(IN_ORDER) {
        let name = std::str::from_utf8(name).ok()?;
        return Some(EntryName::Temporary(name.to_owned()));
    }
    let bytes = rest.strip_prefix(ESCAPED)?;
    bytes
        .starts_with(RESERVED)
        .then(|| EntryName::Key(Key::user(bytes)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefix_ends_in_one_slash() {
        for prefix in ["a/b", "a/b/", "a/b//"] {
            let layout = Layout::new(prefix);
            assert_eq!(layout.range(), (b"a/b/".to_vec(), b"a/b0".to_vec()));
            assert_eq!(layout.value(&Key::user("k")), b"a/b/k");
        }
    }

    #[test]
    fn key_that_no_gateway_writes_is_ignored() {
        let layout = Layout::new("p");
        for key in [
            &b"p"[..],
            b"q/k",
            b"p/.kubekv/",
            b"p/.kubekv/key/k",
            b"p/.kubekv/other",
            b"p/.kubekv/commit/0",
            b"p/.kubekv/commit/+1",
            b"p/.kubekv/commit/128",
            b"p/.kubekv/attributes/.kubekv/lead",
            b"p/.kubekv/attributes/.kubekv/attributes/k",
        ] {
            assert_eq!(layout.decode(key), None, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn each_place_has_a_commit_record_of_its_own() {
        let layout = Layout::new("p");
        assert_eq!(layout.commit(0), b"p/.kubekv/commit");
        assert_eq!(layout.commit(63), b"p/.kubekv/commit/63");
        for place in [0, 1, 63, LAST_PLACE] {
            let key = EtcdKey::Commit(place);
            assert_eq!(layout.decode(&layout.encode(&key)), Some(key));
        }
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(bytes in "(\\.kubekv/)?(key/|own/|attributes/|in-order/)?(\\.kubekv/)?[a/]{0,4}") {
            let layout = Layout::new("p");
            let names = [
                EntryName::Key(Key::user(&bytes)),
                EntryName::Key(Key::system(&bytes)),
                EntryName::Temporary(bytes),
            ];
            for name in names {
                for key in [EtcdKey::Value(name.clone()), EtcdKey::Attributes(name)] {
                    prop_assert_eq!(layout.decode(&layout.encode(&key)), Some(key));
                }
            }
        }
    }
}

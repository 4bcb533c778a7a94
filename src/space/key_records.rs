//! `KeyRecords`: the gateway's own records about clients' keys, one of a kind for each.

use crate::model::{Key, Realm};

/// Records of one kind: each is about one of clients' keys, and stands beneath the kind's directory, under that key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeyRecords {
    directory: &'static [u8],
}

impl KeyRecords {
    /// Those beneath a directory, whose name ends with a slash.
    pub(super) const fn beneath(directory: &'static [u8]) -> Self {
        Self { directory }
    }

    /// The record about a client's key.
    pub(super) fn record_key(self, key: &Key) -> Key {
        Key::system([self.directory, key.as_bytes()].concat())
    }

    /// The client's key that a record is about, given the record's key; `None` where that is of no record of this kind.
    pub(super) fn key_of(self, record: &Key) -> Option<Key> {
        if record.realm() != Realm::System {
            return None;
        }
        record
            .as_bytes()
            .strip_prefix(self.directory)
            .map(Key::user)
    }
}

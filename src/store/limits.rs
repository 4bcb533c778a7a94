//! The size limits of a store.

use crate::model::Realm;

/// The size limits of a store, read once when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest value, in bytes.
    pub value_bytes: usize,
    /// The longest key of a client, in bytes.
    pub key_bytes: usize,
    /// The most writes of one commit.
    pub writes: usize,
    /// The most bytes of keys and values in one commit.
    pub commit_bytes: usize,
}

/// How much longer than a client's key the key of the gateway's record about it may be, in bytes.
const SYSTEM_KEY_EXTRA: usize = 64;

impl Limits {
    /// The longest key in a realm, in bytes. The gateway keeps records about the longest key of a client, too: a lease
    /// that locks it must be able to end.
    pub fn longest_key(&self, realm: Realm) -> usize {
        match realm {
            Realm::User => self.key_bytes,
            Realm::System => self.key_bytes + SYSTEM_KEY_EXTRA,
        }
    }
}

//! The digest of a store's entries.

use serde::{Deserialize, Serialize};

use super::checksum::xxh3;
use crate::model::{Key, Realm, Revision};

/// A digest of which entries exist, updated with every change: it reveals an entry that was lost or that reappeared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::store::embedded) struct EntriesDigest {
    /// The number of entries.
    pub(in crate::store::embedded) entries: u64,
    /// The sum, modulo 2^64, over xxh3-64 of each entry's realm, key and revision.
    pub(in crate::store::embedded) sum: u64,
}

impl EntriesDigest {
    /// Updates the digest with a change.
    pub(in crate::store::embedded) fn apply(
        &mut self,
        key: &Key,
        before: Option<Revision>,
        now: Option<Revision>,
    ) {
        if let Some(before) = before {
            self.entries = self.entries.wrapping_sub(1);
            self.sum = self.sum.wrapping_sub(digest(key, before));
        }
        if let Some(now) = now {
            self.entries = self.entries.wrapping_add(1);
            self.sum = self.sum.wrapping_add(digest(key, now));
        }
    }

    /// The digest when these entries are gone.
    pub(in crate::store::embedded) fn without(self, gone: Self) -> Self {
        Self {
            entries: self.entries.wrapping_sub(gone.entries),
            sum: self.sum.wrapping_sub(gone.sum),
        }
    }
}

fn digest(key: &Key, at: Revision) -> u64 {
    let realm = [u8::from(key.realm() == Realm::System)];
    let (main, sub) = (at.main.to_le_bytes(), at.sub.to_le_bytes());
    xxh3(0, &[&realm, &main, &sub, key.as_bytes()])
}

//! Sifting: which entries of a snapshot are kept from clients because of what they hold.

use std::sync::Arc;

use imbl::OrdSet;

use super::Snapshot;
use crate::model::{Entry, Key};

impl Snapshot {
    /// Finds out again whether the entry of a key is held back, and of no other.
    pub(super) fn sift_again(&mut self, key: &Key) {
        let now = self.entries.get(key).cloned();
        self.sift(key, now.as_deref());
    }

    /// Finds out what is held back, now that the entry of a key has changed.
    pub(super) fn sift(&mut self, key: &Key, before: Option<&Entry>) {
        let Some(sieve) = &self.sieve else {
            return;
        };
        let now = self.entries.get(key).map(Arc::as_ref);
        let Some(others) = sieve.concerned(key, before, now) else {
            return;
        };
        for key in std::iter::once(key).chain(&others) {
            let entry = self.entries.get(key).map(Arc::as_ref);
            let beside = |key: &Key| self.entries.get(key).cloned();
            let holds_back = match &mut self.unnoted {
                None => sieve.holds_back(key, entry, &beside),
                Some(unnoted) => {
                    let foreseen = sieve.foresee(key, entry, &beside);
                    if foreseen.is_news {
                        unnoted.insert(key.clone());
                    } else {
                        unnoted.remove(key);
                    }
                    foreseen.holds_back
                }
            };
            // A set that is not changed is not copied.
            if holds_back != self.held_back.contains(key) {
                if holds_back {
                    self.held_back.insert(key.clone());
                } else {
                    self.held_back.remove(key);
                }
            }
        }
    }

    /// The keys of the entries that are kept from clients because of what they hold.
    pub(crate) fn held_back(&self) -> &OrdSet<Key> {
        &self.held_back
    }
}

//! Snapshots that are made ahead of the turn of a wide deletion, and what is left to be done in it.

use imbl::OrdSet;

use super::Snapshot;
use crate::model::{Change, Lease, LeaseId};

impl Snapshot {
    /// The same to be changed ahead of the turn of what changes it: a sieve notes nothing of that.
    pub(crate) fn ahead(&self) -> Self {
        Self {
            unnoted: Some(OrdSet::new()),
            ..self.clone()
        }
    }

    /// This one with the entries of another, which a wide deletion of this revision made of it; `directories` lost children or
    /// got some. Which deletions are remembered is left as it is.
    pub(crate) fn with_deletion(&self, next: &Self, revision: u64, directories: &[String]) -> Self {
        let mut snapshot = Self {
            revision,
            last_wide: revision,
            entries: next.entries.clone(),
            locked: next.locked.clone(),
            bound: next.bound.clone(),
            listed: next.listed.clone(),
            held_back: next.held_back.clone(),
            directories: next.directories.clone(),
            bytes: next.bytes,
            ..self.clone()
        };
        for key in next.unnoted.iter().flatten() {
            snapshot.sift_again(key);
        }
        for path in directories {
            if let Some(own) = snapshot.directories.get_mut(path.as_str()) {
                own.changed = revision;
            }
        }
        snapshot
    }

    /// Does what a wide deletion does besides deleting entries of clients, now that it has its revision: an entry that it puts
    /// takes the place of one without.
    pub(crate) fn apply_in_turn(&mut self, change: &Change, revision: u64) {
        let is_lease = LeaseId::is_record(&change.key);
        if is_lease {
            self.leases_changed = revision;
        }
        if let Some(entry) = &change.now {
            self.put(&change.key, entry);
            if change.before.is_none() {
                self.deletions.remove(&change.key);
            }
            return;
        }
        let before = change.before.as_ref().filter(|_| is_lease);
        if let Some(lease) = before.and_then(|before| Lease::read(before.value())) {
            self.ended_leases.note(lease.owner, revision);
        }
    }
}

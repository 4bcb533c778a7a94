//! Leases and locks: making and ending leases, acquiring and releasing entries.

use super::deferred_release;
use super::directories::parent;
use super::draft::Draft;
use super::lock_delay;
use super::visibility::{LeaseRight, Visibility};
use crate::model::{Cause, Key, Lease, LeaseEnd, LeaseId, LeaseProtocol, Record, Verb};

/// What became of an attempt to lock an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// It is locked now.
    Yes,
    /// Another lease holds it.
    Held,
    /// A lease that held it ended a moment ago and asked for a delay.
    Delayed,
    /// There is no such lease.
    NoLease,
}

/// How much of what belongs to a lease one commit of its end changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReleaseBounds {
    /// Of the entries that it has locked.
    pub(crate) locked: usize,
    /// Of the entries that are bound to it.
    pub(crate) bound: usize,
}

impl ReleaseBounds {
    /// Everything.
    pub(crate) const WHOLE: Self = Self {
        locked: usize::MAX,
        bound: usize::MAX,
    };

    /// What is bound goes at once, however much it is: who watches a session's entries sees them go together. So much is
    /// released of what is locked.
    pub(crate) fn whole_but_locked(locked: usize) -> Self {
        let bound = usize::MAX;
        Self { locked, bound }
    }

    /// Less, where the store does not take so much at once; `None` where it cannot be less.
    pub(crate) fn less(self) -> Option<Self> {
        if self.bound == usize::MAX {
            return Some(Self {
                bound: self.locked,
                ..self
            });
        }
        (self.locked > 1).then(|| Self {
            locked: self.locked / 2,
            bound: (self.bound / 2).max(1),
        })
    }
}

impl Draft<'_> {
    /// A lease by its name, where the caller may see it.
    pub fn lease(&self, id: LeaseId) -> Option<Lease> {
        self.any_lease(id).filter(|lease| {
            self.visibility()
                .allows_lease(&lease.owner, LeaseRight::See)
        })
    }

    /// Whether there is a lease of this name and protocol.
    pub(crate) fn has_lease(&self, protocol: LeaseProtocol, id: LeaseId) -> bool {
        self.any_lease(id)
            .is_some_and(|lease| lease.protocol == protocol)
    }

    pub(super) fn any_lease(&self, id: LeaseId) -> Option<Lease> {
        Lease::read(self.peek(&id.record_key())?.value())
    }

    /// Whether a lease of this name may be used so. One that is not there may: that there is none is answered in other
    /// words, and a name is too long to be guessed.
    pub fn may(&self, id: LeaseId, right: LeaseRight) -> bool {
        matches!(self.visibility(), Visibility::All)
            || self
                .any_lease(id)
                .is_none_or(|lease| self.visibility().allows_lease(&lease.owner, right))
    }

    /// Makes a lease or changes it; its term begins with the commit. It belongs to the principal that made it; one that the
    /// gateway itself makes, to the principal that stands in it.
    pub fn put_lease(&mut self, lease: &Lease) {
        let key = lease.id.record_key();
        let before = self.any_lease(lease.id);
        match &before {
            Some(_) => self.asks_for_lease(lease.id, LeaseRight::End),
            None => self.asks_to_make_lease(),
        }
        let mut lease = lease.clone();
        if let Some(owner) = before
            .map(|before| before.owner)
            .or(self.principal().cloned())
        {
            lease.owner = owner;
        }
        let mut record = self.continued(&key);
        record.value = serde_json::to_vec(&lease).unwrap_or_default().into();
        self.write(&key, Some(record));
    }

    /// Whether a lease that held this entry ended a moment ago and asked for a delay: nobody may lock it yet.
    pub fn is_delayed(&self, key: &Key) -> bool {
        self.asks_for(key);
        self.peek(&lock_delay::RECORDS.record_key(key)).is_some()
    }

    /// Locks an entry for a lease and lets `change` write it. Nothing is changed where the lock is refused.
    ///
    /// A lease that has the lock already may go on changing the entry. As Consul's `?acquire=`: only its own sessions lock.
    pub fn acquire(
        &mut self,
        key: &Key,
        lease: LeaseId,
        change: impl FnOnce(&mut Record),
    ) -> Acquired {
        self.asks(Verb::Lock, key);
        self.locks(key);
        self.asks_for_lease(lease, LeaseRight::Lock);
        if !self.has_lease(LeaseProtocol::Consul, lease) {
            return Acquired::NoLease;
        }
        if self.is_delayed(key) {
            return Acquired::Delayed;
        }
        let mut record = self.successor(key);
        match record.attrs.lock {
            Some(holder) if holder != lease => return Acquired::Held,
            Some(_) => {}
            None => {
                record.attrs.lock = Some(lease);
                record.attrs.lock_index += 1;
            }
        }
        change(&mut record);
        self.write(key, Some(record));
        Acquired::Yes
    }

    /// Unlocks an entry that this lease has locked and lets `change` write it; says whether it had. As Consul's
    /// `?release=`.
    pub fn release(&mut self, key: &Key, lease: LeaseId, change: impl FnOnce(&mut Record)) -> bool {
        self.asks_for(key);
        self.asks(Verb::Lock, key);
        self.locks(key);
        self.asks_for_lease(lease, LeaseRight::Lock);
        self.let_go(key, lease, change)
    }

    /// As [`Draft::release`], of a hidden key as well: a lease that ends lets go of all it held.
    fn let_go(&mut self, key: &Key, lease: LeaseId, change: impl FnOnce(&mut Record)) -> bool {
        if self
            .peek(key)
            .is_none_or(|entry| entry.attrs().lock != Some(lease))
        {
            return false;
        }
        let mut record = self.continued(key);
        record.attrs.lock = None;
        change(&mut record);
        self.write(key, Some(record));
        true
    }

    /// Writes an entry that ends with a lease; says whether there is such a lease. Nothing is written where there is none.
    pub fn put_bound(&mut self, key: &Key, lease: LeaseId, mut record: Record) -> bool {
        self.asks_for_lease(lease, LeaseRight::Lock);
        // What stands in it is of no matter to an entry that ends with it.
        if self.peek(&lease.record_key()).is_none() {
            return false;
        }
        record.attrs.bound = Some(lease);
        self.put(key, record);
        true
    }

    /// Ends a lease: its record goes, what is bound to it is deleted, and what it locked is released or deleted as it wished.
    /// Says whether there was one.
    pub fn end_lease(&mut self, id: LeaseId) -> bool {
        self.end_lease_by(id, ReleaseBounds::WHOLE)
    }

    /// As [`Draft::end_lease`], but so much is changed now and the rest later.
    pub(crate) fn end_lease_by(&mut self, id: LeaseId, most: ReleaseBounds) -> bool {
        self.asks_for_lease(id, LeaseRight::End);
        let Some(lease) = self.any_lease(id) else {
            return false;
        };
        self.remove(&id.record_key());
        self.release_all(&lease, most);
        true
    }

    /// Goes on with the end of a lease; says whether there was anything to be done.
    pub(crate) fn go_on_ending(&mut self, id: LeaseId, most: ReleaseBounds) -> bool {
        let record = self.peek(&deferred_release::record_key(id));
        let lease = record.and_then(|record| Lease::read(record.value()));
        if let Some(lease) = &lease {
            self.release_all(lease, most);
        }
        lease.is_some()
    }

    /// Deletes so much of what is bound to a lease, releases or deletes so much of what it has locked, and notes whether
    /// there is more.
    fn release_all(&mut self, lease: &Lease, most: ReleaseBounds) {
        // Nothing is locked for it or bound to it later: a change that does so reads the lease's record, which is deleted.
        // What was before, and is not in the state decided on, is looked for when the change is handed over.
        self.ends(lease.id);
        let mut bound = self.base().bound_to(lease.id, most.bound.saturating_add(1));
        let mut locked = self
            .base()
            .locked_by(lease.id, most.locked.saturating_add(1));
        let record_key = deferred_release::record_key(lease.id);
        if bound.len() > most.bound || locked.len() > most.locked {
            bound.truncate(most.bound);
            locked.truncate(most.locked);
            let mut record = self.continued(&record_key);
            record.value = serde_json::to_vec(lease).unwrap_or_default().into();
            self.write(&record_key, Some(record));
        } else {
            self.remove(&record_key);
        }
        if !bound.is_empty() || lease.on_end == LeaseEnd::Delete {
            self.because(Cause::Expire);
        }
        self.delete_bound(&bound);
        for key in locked {
            self.release_one(&key, lease);
        }
    }

    /// Deletes what was bound to a lease. No node above goes with it.
    fn delete_bound(&mut self, keys: &[Key]) {
        let mut kept = None;
        for key in keys {
            if let Some(path) = key.node() {
                let above = parent(path);
                // Neighbours have the same parent; once it is more than implied, it need not be looked at again.
                if kept != Some(above) && self.keep_parent_of(path) {
                    kept = Some(above);
                }
            }
            self.remove(key);
        }
    }

    /// Releases or deletes one entry that a lease had locked.
    fn release_one(&mut self, key: &Key, lease: &Lease) {
        match lease.on_end {
            LeaseEnd::Release => {
                self.let_go(key, lease.id, |_| {});
            }
            LeaseEnd::Delete => {
                self.remove(key);
            }
        }
        if lease.lock_delay_ms > 0 {
            let record_key = lock_delay::RECORDS.record_key(key);
            let mut record = self.continued(&record_key);
            record.value = lease.lock_delay_ms.to_string().into();
            self.write(&record_key, Some(record));
        }
    }
}

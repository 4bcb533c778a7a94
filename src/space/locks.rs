//! Leases and what they lock.

use super::delay;
use super::draft::Draft;
use super::lookup::Lookup;
use crate::model::{Cause, Key, Lease, LeaseEnd, LeaseId, Record};

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

impl Draft<'_> {
    /// A lease by its name.
    pub fn lease(&self, id: LeaseId) -> Option<Lease> {
        let record = self.get(&id.record_key())?;
        serde_json::from_slice(record.value()).ok()
    }

    /// Makes a lease or changes it; its term begins with the commit.
    pub fn put_lease(&mut self, lease: &Lease) {
        let key = lease.id.record_key();
        let mut record = self.successor(&key);
        record.value = serde_json::to_vec(lease).unwrap_or_default().into();
        self.put(&key, record);
    }

    /// Whether a lease that held this entry ended a moment ago and asked for a delay: nobody may lock it yet.
    pub fn is_delayed(&self, key: &Key) -> bool {
        self.get(&delay::record_key(key)).is_some()
    }

    /// Locks an entry for a lease and lets `change` write it. Nothing is changed where the lock is refused.
    ///
    /// A lease that has the lock already may go on changing the entry. As Consul's `?acquire=`.
    pub fn acquire(
        &mut self,
        key: &Key,
        lease: LeaseId,
        change: impl FnOnce(&mut Record),
    ) -> Acquired {
        if self.lease(lease).is_none() {
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
        self.put(key, record);
        Acquired::Yes
    }

    /// Unlocks an entry that this lease has locked and lets `change` write it; says whether it had. As Consul's
    /// `?release=`.
    pub fn release(&mut self, key: &Key, lease: LeaseId, change: impl FnOnce(&mut Record)) -> bool {
        if self
            .get(key)
            .is_none_or(|entry| entry.attrs().lock != Some(lease))
        {
            return false;
        }
        let mut record = self.successor(key);
        record.attrs.lock = None;
        change(&mut record);
        self.put(key, record);
        true
    }

    /// Ends a lease: its record goes, and what it locked is released or deleted as it wished. Says whether there was
    /// one.
    pub fn end_lease(&mut self, id: LeaseId) -> bool {
        let Some(lease) = self.lease(id) else {
            return false;
        };
        self.delete(&id.record_key());
        // Nothing is locked for it meanwhile: whoever locks reads the record that is deleted here.
        let locked: Vec<Key> = self.base().locked_by(id).cloned().collect();
        for key in locked {
            match lease.on_end {
                LeaseEnd::Release => {
                    self.release(&key, id, |_| {});
                }
                LeaseEnd::Delete => {
                    self.delete(&key);
                }
            }
            if lease.lock_delay_ms > 0 {
                let record_key = delay::record_key(&key);
                let mut record = self.successor(&record_key);
                record.value = lease.lock_delay_ms.to_string().into();
                self.put(&record_key, record);
            }
        }
        if lease.on_end == LeaseEnd::Delete {
            self.because(Cause::Expire);
        }
        true
    }
}

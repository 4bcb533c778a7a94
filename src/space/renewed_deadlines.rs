//! Renewed deadlines: when entries end that renewals keep alive, as the store does not know it.

use std::collections::{HashMap, HashSet};

use super::deadline_record::DeadlineRecord;
use crate::model::{Deadline, Key};

/// The deadlines of the entries that renewals keep alive, and what is recorded of those that nobody renews.
#[derive(Debug, Default)]
pub(crate) struct RenewedDeadlines {
    /// When each ends, in milliseconds since 1970, where that is not what its entry says.
    at_ms: HashMap<Key, i64>,
    /// Those that nobody has renewed since this gateway began to serve.
    unrenewed: HashSet<Key>,
    /// Those that have a record of their deadline, obsolete or not.
    records: HashMap<Key, DeadlineRecord>,
}

impl RenewedDeadlines {
    /// Takes in an entry's record, or that there is none any more.
    pub(crate) fn follow_record(&mut self, key: Key, record: Option<DeadlineRecord>) {
        match record {
            Some(record) => self.records.insert(key, record),
            None => self.records.remove(&key),
        };
    }

    /// What is recorded of an entry.
    pub(crate) fn record(&self, key: &Key) -> Option<DeadlineRecord> {
        self.records.get(key).copied()
    }

    /// Whether anything is recorded of any entry.
    pub(crate) fn has_records(&self) -> bool {
        !self.records.is_empty()
    }

    /// The keys of all records.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = &Key> {
        self.records.keys()
    }

    /// Begins with an entry that the store held.
    pub(crate) fn load(&mut self, key: &Key, at_ms: i64) {
        self.at_ms.insert(key.clone(), at_ms);
        self.unrenewed.insert(key.clone());
    }

    /// Takes in a renewal.
    pub(crate) fn renew(&mut self, key: &Key, at_ms: i64) {
        self.unrenewed.remove(key);
        self.at_ms.insert(key.clone(), at_ms);
    }

    /// Forgets an entry that was written, or deleted.
    pub(crate) fn forget(&mut self, key: &Key) {
        self.at_ms.remove(key);
        self.unrenewed.remove(key);
    }

    /// Whether nobody has renewed an entry since this gateway began to serve.
    pub(crate) fn is_unrenewed(&self, key: &Key) -> bool {
        self.unrenewed.contains(key)
    }

    /// The deadline of an entry, given the one that it was stored with.
    pub(crate) fn of(&self, key: &Key, stored: Deadline) -> Deadline {
        let written = stored.as_written();
        if !stored.is_kept_by_renewals() {
            return written;
        }
        let at_ms = self.at_ms.get(key).copied().unwrap_or(written.at_ms);
        Deadline { at_ms, ..written }
    }
}

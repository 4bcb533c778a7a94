//! Writes that ZooKeeper counts by themselves: in a transaction each one of the data is a version, and each one of the access
//! list a version of the list.

use super::{Draft, PENDING};
use crate::model::{AccessList, Key, Record};

impl Draft<'_> {
    /// What a write of the data begins with: as [`Draft::successor`], but what this draft has written already is a version of
    /// its own.
    pub fn next_version(&self, key: &Key) -> Record {
        let mut record = self.successor(key);
        if self.peek(key).is_some_and(|entry| entry.index() == PENDING) {
            record.next_version(self.now_ms);
        }
        record
    }

    /// What a write of the access list alone begins with: see [`Record::with_access`]. `None` where there is no entry.
    pub fn with_access(&self, key: &Key, list: AccessList) -> Option<Record> {
        self.asks_for(key);
        let before = self.peek(key)?;
        if before.index() != PENDING {
            return Some(Record::with_access(before, list));
        }
        let mut record = before.record.clone();
        record.replace_access(list);
        Some(record)
    }
}

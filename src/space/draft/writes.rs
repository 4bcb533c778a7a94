//! Writes of a draft: entries that are put and deleted, each key once.

use std::sync::Arc;

use super::{Draft, PENDING, Written};
use crate::model::{Entry, Key, KeyRange, Record, Revision, Target, Verb, Write};

impl Draft<'_> {
    /// What a write of this key begins with: see [`Record::successor`].
    pub fn successor(&self, key: &Key) -> Record {
        self.asks_for(key);
        self.continued(key)
    }

    /// Writes an entry.
    pub fn put(&mut self, key: &Key, record: Record) {
        self.asks_to_put(key);
        self.write(key, Some(record));
    }

    /// Writes a new entry under `parent` (given with its trailing slash) that is named by the commit's revision.
    pub fn put_in_order(&mut self, parent: &Key, record: Record) {
        // Which name it will have is not known yet.
        let range = KeyRange::Prefix(parent.clone());
        self.asks_for_all(&range);
        self.asks_of_all(Verb::Create, &range);
        if self.stops() {
            return;
        }
        self.writes.push(Write {
            target: Target::InOrder(parent.clone()),
            before: None,
            put: Some(record),
        });
    }

    /// Deletes an entry; says whether there was one.
    pub fn delete(&mut self, key: &Key) -> bool {
        self.asks_for(key);
        self.asks(Verb::Delete, key);
        self.remove(key)
    }

    /// Deletes every entry whose key begins with `prefix`.
    pub fn delete_all(&mut self, prefix: &Key) {
        let range = KeyRange::Prefix(prefix.clone());
        self.asks_for_all(&range);
        self.asks_of_all(Verb::Delete, &range);
        let found = self.scan_everything(prefix, prefix);
        let found = cloned(found.take(self.writes_left()));
        self.remove_found(found);
    }

    /// As [`Draft::successor`], of a hidden key as well.
    pub(crate) fn continued(&self, key: &Key) -> Record {
        match self.peek(key) {
            // Written by this very draft: its marks already say so, and it is one write, not two.
            Some(entry) if entry.index() == PENDING => entry.record.clone(),
            before => Record::successor(before.map(AsRef::as_ref), self.now_ms),
        }
    }

    /// As [`Draft::delete`], of a hidden key as well.
    pub(crate) fn remove(&mut self, key: &Key) -> bool {
        let there = self.peek(key).is_some();
        if there {
            self.write(key, None);
        }
        there
    }

    /// As [`Draft::remove`], of entries that a scan of this draft has found just now, in order: they need not be looked up
    /// again.
    pub(crate) fn remove_found(&mut self, found: Vec<(Key, Arc<Entry>)>) {
        let mut written = Vec::with_capacity(found.len());
        for (key, entry) in found {
            if entry.index() == PENDING {
                self.write(&key, None);
            } else if !self.stops() {
                self.note_directories(&key, false);
                written.push((key.clone(), self.add_write(key, Some(entry), None, None)));
            }
        }
        // What is in order goes into a map at once.
        self.written.append(&mut written.into_iter().collect());
    }

    /// As [`Draft::put`], of a hidden key as well.
    pub(crate) fn write(&mut self, key: &Key, put: Option<Record>) {
        self.note_directories(key, put.is_some());
        let shown = put.clone().map(|record| {
            let modified = Revision::new(PENDING, 0);
            Arc::new(Entry { record, modified })
        });
        if let Some(own) = self.written.get_mut(key) {
            self.parts.note_rewrite(own.write);
            own.shown = shown;
            if let Some(write) = self.writes.get_mut(own.write) {
                write.put = put;
            }
            return;
        }
        if self.stops() {
            return;
        }
        let before = self.stored(key).cloned();
        let own = self.add_write(key.clone(), before, put, shown);
        self.written.insert(key.clone(), own);
    }

    fn note_directories(&mut self, key: &Key, is_there: bool) {
        if let Some(directories) = &mut self.directories {
            directories.note(self.base, key, is_there, PENDING);
        }
    }

    /// Adds the first write of a key; returns what is to be shown of it.
    fn add_write(
        &mut self,
        key: Key,
        before: Option<Arc<Entry>>,
        put: Option<Record>,
        shown: Option<Arc<Entry>>,
    ) -> Written {
        let own = Written {
            write: self.writes.len(),
            existed: before.is_some(),
            shown,
        };
        let target = Target::Key(key);
        self.writes.push(Write {
            target,
            before,
            put,
        });
        own
    }
}

/// What a scan finds, to be used while the draft is written to.
pub(crate) fn cloned<'a>(
    scan: impl Iterator<Item = (&'a Key, &'a Arc<Entry>)>,
) -> Vec<(Key, Arc<Entry>)> {
    scan.map(|(key, entry)| (key.clone(), Arc::clone(entry)))
        .collect()
}

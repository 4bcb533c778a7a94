//! A change being decided: the state as it is, with the writes so far laid over it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::lookup::{Lookup, Scan};
use super::read_write_set::{Depth, Effect, ReadWriteSet, Span};
use super::snapshot::Snapshot;
use crate::model::{
    Cause, Deadline, Entry, Key, KeyRange, Proposal, Record, Revision, Target, Write,
};

/// The main revision that entries written by a draft show until the store has given them one.
pub const PENDING: u64 = u64::MAX;

/// What a decision reads from and writes to.
///
/// It sees its own writes. It remembers all that was looked at: the keyspace commits the writes only while nothing of
/// that is changing, so a decision is never based on what is no longer so.
#[derive(Debug)]
pub struct Draft<'a> {
    base: &'a Snapshot,
    now_ms: i64,
    reads: RefCell<Vec<(Span, Depth)>>,
    writes: Vec<Pending>,
    written: BTreeMap<Key, Slot>,
    cause: Cause,
    subject: Option<Key>,
}

#[derive(Debug)]
struct Pending {
    target: Target,
    before: Option<Arc<Entry>>,
    put: Option<Record>,
}

/// What the draft shows of a key it has written.
#[derive(Debug)]
struct Slot {
    write: usize,
    shown: Option<Arc<Entry>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(base: &'a Snapshot, now_ms: i64) -> Self {
        Self {
            base,
            now_ms,
            reads: RefCell::default(),
            writes: Vec::new(),
            written: BTreeMap::new(),
            cause: Cause::Set,
            subject: None,
        }
    }

    /// The revision that is being decided on.
    pub fn revision(&self) -> u64 {
        self.base.revision
    }

    /// The time of the write, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// The deadline of a TTL that begins with this write.
    pub fn deadline_in(&self, ttl: Duration) -> Deadline {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Deadline {
            at_ms: self.now_ms.saturating_add_unsigned(ttl_ms),
            ttl_ms,
        }
    }

    /// Says why, for watchers; [`Cause::Set`] where nothing is said.
    pub fn because(&mut self, cause: Cause) {
        self.cause = cause;
    }

    /// Says which tree node was acted on as a whole.
    pub fn subject(&mut self, node: Key) {
        self.subject = Some(node);
    }

    /// What a write of this key begins with: see [`Record::successor`].
    pub fn successor(&self, key: &Key) -> Record {
        match self.get(key) {
            // Written by this very draft: its marks already say so, and it is one write, not two.
            Some(entry) if entry.index() == PENDING => entry.record.clone(),
            before => Record::successor(before.map(AsRef::as_ref), self.now_ms),
        }
    }

    /// Writes an entry.
    pub fn put(&mut self, key: &Key, record: Record) {
        self.write(key, Some(record));
    }

    /// Writes a new entry under `parent` (given with its trailing slash) that is named by the commit's revision.
    pub fn put_in_order(&mut self, parent: &Key, record: Record) {
        self.writes.push(Pending {
            target: Target::InOrder(parent.clone()),
            before: None,
            put: Some(record),
        });
    }

    /// Deletes an entry; says whether there was one.
    pub fn delete(&mut self, key: &Key) -> bool {
        let there = self.get(key).is_some();
        if there {
            self.write(key, None);
        }
        there
    }

    fn write(&mut self, key: &Key, put: Option<Record>) {
        let shown = put.clone().map(|record| {
            let modified = Revision::new(PENDING, 0);
            Arc::new(Entry { record, modified })
        });
        if let Some(slot) = self.written.get_mut(key) {
            slot.shown = shown;
            if let Some(pending) = self.writes.get_mut(slot.write) {
                pending.put = put;
            }
            return;
        }
        let write = self.writes.len();
        self.writes.push(Pending {
            target: Target::Key(key.clone()),
            before: self.base.entries.get(key).cloned(),
            put,
        });
        self.written.insert(key.clone(), Slot { write, shown });
    }

    pub(crate) fn base(&self) -> &Snapshot {
        self.base
    }

    fn note_read(&self, span: Span, depth: Depth) {
        self.reads.borrow_mut().push((span, depth));
    }

    /// What was read and what will be written.
    pub(crate) fn footprint(&self) -> ReadWriteSet {
        let writes = self.written.iter().map(|(key, slot)| {
            let before = self
                .writes
                .get(slot.write)
                .is_some_and(|write| write.before.is_some());
            let effect = if before && slot.shown.is_some() {
                Effect::Changes
            } else {
                Effect::ComesOrGoes
            };
            (key.clone(), effect)
        });
        ReadWriteSet {
            reads: self.reads.borrow().clone(),
            writes: writes.collect(),
        }
    }

    /// Whether something was written and removed again. What was told of it took a revision, which must not be another
    /// change's later.
    pub(crate) fn undid(&self) -> bool {
        self.writes
            .iter()
            .any(|pending| pending.before.is_none() && pending.put.is_none())
    }

    /// The writes, less those that came to nothing.
    pub(crate) fn proposal(&self) -> Proposal {
        let writes = self
            .writes
            .iter()
            .filter(|pending| pending.before.is_some() || pending.put.is_some())
            .map(|pending| Write {
                target: pending.target.clone(),
                before: pending.before.clone(),
                put: pending.put.clone(),
            })
            .collect();
        Proposal {
            cause: self.cause,
            subject: self.subject.clone(),
            writes,
        }
    }
}

impl Lookup for Draft<'_> {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        if let Some(slot) = self.written.get(key) {
            return slot.shown.as_ref();
        }
        self.note_read(Span::key(key), Depth::Entries);
        self.base.entries.get(key)
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        self.note_read(Span::new(from, end.clone()), Depth::Entries);
        self.merged(from, end)
    }

    fn first(
        &self,
        prefix: &Key,
        from: &Key,
        wanted: fn(&Key) -> bool,
    ) -> Option<(&Key, &Arc<Entry>)> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        let found = self.merged(from, end.clone()).find(|(key, _)| wanted(key));
        // Only what was passed over was read: what comes or goes behind the first one changes nothing.
        let to = found.map_or(end, |(key, _)| Bound::Included(key.clone()));
        self.note_read(Span::new(from, to), Depth::Keys);
        found
    }
}

impl Draft<'_> {
    /// The stored entries with the draft's own laid over them.
    fn merged(&self, from: &Key, end: Bound<Key>) -> Scan<'_> {
        let bounds = (Bound::Included(from.clone()), end);
        if bound_is_empty(&bounds) {
            return Box::new(std::iter::empty());
        }
        let mut stored = self.base.entries.range(bounds.clone()).peekable();
        let mut own = self.written.range(bounds).peekable();
        Box::new(std::iter::from_fn(move || {
            loop {
                let own_first = match (own.peek(), stored.peek()) {
                    (None, None) => return None,
                    (Some(_), None) => true,
                    (None, Some(_)) => false,
                    (Some((written, _)), Some((there, _))) => {
                        if written == there {
                            // The draft's own version stands for the stored one.
                            stored.next();
                            true
                        } else {
                            written < there
                        }
                    }
                };
                if !own_first {
                    return stored.next();
                }
                if let Some((key, slot)) = own.next()
                    && let Some(entry) = &slot.shown
                {
                    return Some((key, entry));
                }
            }
        }))
    }
}

fn bound_is_empty((from, end): &(Bound<Key>, Bound<Key>)) -> bool {
    match (from, end) {
        (Bound::Included(from), Bound::Excluded(end)) => from >= end,
        _ => false,
    }
}

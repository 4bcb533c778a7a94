//! Drafts: a change while it is decided, the state with the writes so far laid over it.

mod lookup;
mod rights;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::denied::Denied;
use super::lookup::Lookup;
use super::read_write_set::{Depth, Effect, ReadWriteSet, Span};
use super::snapshot::Snapshot;
use super::visibility::Visibility;
use crate::model::{
    Cause, Deadline, Entry, Key, KeyRange, Principal, Proposal, Record, Revision, Target, Write,
};

/// The main revision that entries written by a draft show until the store has given them one.
pub const PENDING: u64 = u64::MAX;

/// What a decision reads from and writes to.
///
/// It sees its own writes. It remembers all that was looked at: the keyspace commits the writes only while nothing of
/// that is changing, so a decision is never based on what is no longer so.
///
/// It shows what the caller may see. Looking at one key that is hidden, or writing it, makes the whole change forbidden,
/// whatever is decided after: the answer must not tell whether the key is there. Scans leave out what is hidden.
#[derive(Debug)]
pub struct Draft<'a> {
    base: &'a Snapshot,
    now_ms: i64,
    principal: &'a Principal,
    visibility: Visibility,
    forbidden: OnceCell<Denied>,
    reads: RefCell<Vec<(Span, Depth)>>,
    writes: Vec<Pending>,
    written: BTreeMap<Key, Written>,
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
struct Written {
    write: usize,
    shown: Option<Arc<Entry>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        base: &'a Snapshot,
        now_ms: i64,
        principal: &'a Principal,
        visibility: Visibility,
    ) -> Self {
        Self {
            base,
            now_ms,
            principal,
            visibility,
            forbidden: OnceCell::new(),
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

    /// About how much memory all entries took before this change, in bytes: keys, values and a constant for each. The guard
    /// refuses by it what makes the keyspace too large.
    pub fn keyspace_bytes(&self) -> u64 {
        self.base.bytes
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
        self.asks_for(key);
        self.continued(key)
    }

    /// Writes an entry.
    pub fn put(&mut self, key: &Key, record: Record) {
        self.asks_for(key);
        self.write(key, Some(record));
    }

    /// Writes a new entry under `parent` (given with its trailing slash) that is named by the commit's revision.
    pub fn put_in_order(&mut self, parent: &Key, record: Record) {
        // Which name it will have is not known yet.
        self.asks_for_all(&KeyRange::Prefix(parent.clone()));
        self.writes.push(Pending {
            target: Target::InOrder(parent.clone()),
            before: None,
            put: Some(record),
        });
    }

    /// Deletes an entry; says whether there was one.
    pub fn delete(&mut self, key: &Key) -> bool {
        self.asks_for(key);
        self.remove(key)
    }

    /// Deletes every entry whose key begins with `prefix`.
    pub fn delete_all(&mut self, prefix: &Key) {
        self.asks_for_all(&KeyRange::Prefix(prefix.clone()));
        let keys: Vec<Key> = self.scan(prefix).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.remove(key);
        }
    }

    pub(crate) fn principal(&self) -> &Principal {
        self.principal
    }

    pub(crate) fn visibility(&self) -> &Visibility {
        &self.visibility
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

    /// As [`Draft::put`], of a hidden key as well.
    pub(crate) fn write(&mut self, key: &Key, put: Option<Record>) {
        let shown = put.clone().map(|record| {
            let modified = Revision::new(PENDING, 0);
            Arc::new(Entry { record, modified })
        });
        if let Some(own) = self.written.get_mut(key) {
            own.shown = shown;
            if let Some(pending) = self.writes.get_mut(own.write) {
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
        self.written.insert(key.clone(), Written { write, shown });
    }

    pub(crate) fn base(&self) -> &Snapshot {
        self.base
    }

    fn note_read(&self, span: Span, depth: Depth) {
        self.reads.borrow_mut().push((span, depth));
    }

    /// What was read and what will be written.
    pub(crate) fn read_write_set(&self) -> ReadWriteSet {
        let writes = self.written.iter().map(|(key, own)| {
            let before = self
                .writes
                .get(own.write)
                .is_some_and(|write| write.before.is_some());
            let effect = if before && own.shown.is_some() {
                Effect::Changes
            } else {
                Effect::ComesOrGoes
            };
            (key.clone(), effect)
        });
        ReadWriteSet::new(self.reads.borrow().clone(), writes.collect())
    }

    /// Whether something was written and removed again. A transaction that shows it names the next revision, which must not
    /// be another change's later.
    pub(crate) fn undid(&self) -> bool {
        self.writes
            .iter()
            .any(|pending| pending.before.is_none() && pending.put.is_none())
    }

    /// The writes, less those that change nothing.
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

//! Drafts: a change while it is decided, the state with the writes so far laid over it.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::denied::Denied;
use super::lookup::{Lookup, Scan};
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

    /// Whether the caller may see this key. Unlike looking at it, this forbids nothing.
    pub fn sees(&self, key: &Key) -> bool {
        self.visibility.sees(key)
    }

    /// Whether the caller may see every key that could be in the range.
    pub fn sees_whole(&self, range: &KeyRange) -> bool {
        self.visibility.sees_whole(range)
    }

    /// Forbids the change unless the caller may see this key, be it there or not.
    pub fn asks_for(&self, key: &Key) {
        if !self.visibility.sees(key) {
            self.forbid(|| key.to_string());
        }
    }

    /// Forbids the change unless the caller may see every key that could be in the range.
    pub fn asks_for_all(&self, range: &KeyRange) {
        if !self.visibility.sees_whole(range) {
            let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
            self.forbid(|| format!("not everything beneath {key} can be seen"));
        }
    }

    pub(crate) fn forbid(&self, why: impl FnOnce() -> String) {
        self.forbidden.get_or_init(|| Denied::Forbidden(why()));
    }

    /// Why the change is forbidden, if it is.
    pub(crate) fn forbidden(&self) -> Option<&Denied> {
        self.forbidden.get()
    }

    pub(crate) fn principal(&self) -> &Principal {
        self.principal
    }

    pub(crate) fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    /// As [`Lookup::get`], but of a hidden key as well: for the gateway's own records, and for what follows from a change.
    pub(crate) fn peek(&self, key: &Key) -> Option<&Arc<Entry>> {
        if let Some(own) = self.written.get(key) {
            return own.shown.as_ref();
        }
        self.note_read(Span::key(key), Depth::Entries);
        self.base.entries.get(key)
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
        ReadWriteSet {
            reads: self.reads.borrow().clone(),
            writes: writes.collect(),
        }
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

impl Lookup for Draft<'_> {
    fn get(&self, key: &Key) -> Option<&Arc<Entry>> {
        self.asks_for(key);
        self.glance(key)
    }

    fn glance(&self, key: &Key) -> Option<&Arc<Entry>> {
        if self.visibility.sees(key) {
            self.peek(key)
        } else {
            None
        }
    }

    fn scan_from(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let entries = self.scan_everything(prefix, from);
        if self.sees_whole(&KeyRange::Prefix(prefix.clone())) {
            return entries;
        }
        Box::new(entries.filter(|(key, _)| self.visibility.sees(key)))
    }

    fn first(
        &self,
        prefix: &Key,
        from: &Key,
        wanted: fn(&Key) -> bool,
    ) -> Option<(&Key, &Arc<Entry>)> {
        let whole = self.sees_whole(&KeyRange::Prefix(prefix.clone()));
        self.first_by(prefix, from, |key| wanted(key) && (whole || self.sees(key)))
    }
}

impl Draft<'_> {
    /// As [`Lookup::scan_from`], of hidden keys as well.
    pub(crate) fn scan_everything(&self, prefix: &Key, from: &Key) -> Scan<'_> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        self.note_read(Span::new(from, end.clone()), Depth::Entries);
        self.merged(from, end)
    }

    /// As [`Lookup::first`], of hidden keys as well.
    pub(crate) fn first_of_everything(
        &self,
        prefix: &Key,
        from: &Key,
        wanted: fn(&Key) -> bool,
    ) -> Option<(&Key, &Arc<Entry>)> {
        self.first_by(prefix, from, wanted)
    }

    fn first_by(
        &self,
        prefix: &Key,
        from: &Key,
        wanted: impl Fn(&Key) -> bool,
    ) -> Option<(&Key, &Arc<Entry>)> {
        let (_, end) = KeyRange::Prefix(prefix.clone()).bounds();
        let found = self.merged(from, end.clone()).find(|(key, _)| wanted(key));
        // Only what was passed over was read: what comes or goes behind the first one changes nothing.
        let to = found.map_or(end, |(key, _)| Bound::Included(key.clone()));
        self.note_read(Span::new(from, to), Depth::Keys);
        found
    }

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
                if let Some((key, written)) = own.next()
                    && let Some(entry) = &written.shown
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

//! Drafts: a change while it is decided, the state with the writes so far laid over it.

mod access;
mod directories;
mod draft_rights;
mod lookup;
mod lost_children;
mod own_directories;
mod parts;
mod recent_reads;
mod rights;
mod znode;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use self::access::EntryAccess;
use self::draft_rights::DraftRights;
use self::own_directories::DraftDirectories;
use self::parts::DraftParts;
use self::recent_reads::RecentReads;
use super::access::AccessCaller;
use super::pending::{MAX_PENDING_WRITES, PendingSnapshot};
use super::read_write_set::{Depth, Effect, ReadWriteSet, RestsOn, Span};
use super::visibility::Visibility;
use crate::model::{
    Cause, Deadline, Entry, Key, KeyRange, LeaseId, Principal, Proposal, Record, Revision, Target,
    Verb, Write,
};

/// The main revision that entries written by a draft show until the store has given them one.
pub const PENDING: u64 = u64::MAX;

/// How much a decision may do. One that does more is stopped: scans end and writes are left out, and its answer is not
/// used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DraftBounds {
    /// The most writes.
    pub(crate) writes: usize,
    /// The most entries that scans pass over.
    pub(crate) scanned: usize,
}

/// How much a decision has done.
#[derive(Debug, Default)]
struct DraftWork {
    scanned: Cell<usize>,
    exceeded: Cell<bool>,
}

/// What a decision reads from and writes to.
///
/// It sees its own writes. It remembers all that was looked at: the keyspace commits the writes only while nothing of
/// that is changing, so a decision is never based on what is no longer so.
///
/// It shows what the caller may see. Looking at one key that is hidden, or a write that is not allowed, makes the whole change
/// forbidden, whatever is decided after: the answer must not show whether the key is there. Scans leave out what is hidden.
#[derive(Debug)]
pub struct Draft<'a> {
    base: PendingSnapshot<'a>,
    recent: RecentReads<'a>,
    now_ms: i64,
    /// `None` of the gateway itself, and of the operator.
    principal: Option<Principal>,
    visibility: Visibility,
    access: AccessCaller,
    bounds: DraftBounds,
    work: DraftWork,
    rights: DraftRights,
    /// `None` where nobody asks for them.
    reads: Option<RefCell<Vec<(Span, Depth)>>>,
    writes: Vec<Write>,
    written: BTreeMap<Key, Written>,
    /// Kept once it was asked about a directory.
    directories: Option<Box<DraftDirectories>>,
    parts: DraftParts,
    /// Whether nodes were deleted of which the parents stay.
    keeps_parents: bool,
    /// The leases whose locks and entries it ends.
    ended: Vec<LeaseId>,
    cause: Cause,
    subject: Option<Key>,
    /// Whether what it writes may be a renewal.
    may_renew: bool,
}

/// What the draft shows of a key it has written.
#[derive(Debug)]
struct Written {
    write: usize,
    /// Whether there was an entry before.
    existed: bool,
    shown: Option<Arc<Entry>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(
        base: PendingSnapshot<'a>,
        now_ms: i64,
        principal: Option<Principal>,
        visibility: Visibility,
        bounds: DraftBounds,
    ) -> Self {
        Self {
            base,
            recent: RecentReads::default(),
            now_ms,
            principal,
            visibility,
            access: AccessCaller::Exempt,
            bounds,
            work: DraftWork::default(),
            rights: DraftRights::default(),
            reads: Some(RefCell::default()),
            writes: Vec::new(),
            written: BTreeMap::new(),
            directories: None,
            parts: DraftParts::default(),
            keeps_parents: false,
            ended: Vec::new(),
            cause: Cause::Set,
            subject: None,
            may_renew: false,
        }
    }

    /// The same without what is read, where the change is decided on all that was accepted and no lock is held.
    pub(crate) fn without_reads(self) -> Self {
        Self {
            reads: None,
            ..self
        }
    }

    /// The same for a caller whom access lists bind.
    pub(crate) fn bound_by_lists(self, access: AccessCaller) -> Self {
        Self { access, ..self }
    }

    /// The revision that is being decided on.
    pub fn revision(&self) -> u64 {
        self.base.revision()
    }

    /// About how much memory all entries took before this change, in bytes: keys, values and a constant for each. The guard
    /// refuses by it what makes the keyspace too large.
    pub fn keyspace_bytes(&self) -> u64 {
        self.base.bytes()
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

    /// Says that the write may be a renewal: where it changes nothing but how long the entry lives, its client need not see it
    /// as a change. Of any cause but [`Cause::Refresh`] it is one only beneath the directories of
    /// [`super::Keyspace::renew_under`].
    pub fn renews(&mut self) {
        self.may_renew = true;
    }

    pub(crate) fn may_renew(&self) -> bool {
        self.may_renew
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

    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
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

    pub(crate) fn base(&self) -> PendingSnapshot<'a> {
        self.base
    }

    /// The entry of a key as it is decided on, without what this draft writes.
    pub(super) fn stored(&self, key: &Key) -> Option<&'a Arc<Entry>> {
        self.recent.get(key, || self.base.get(key))
    }

    /// One more than the writes that may still be made: whoever collects what to write needs no more, as the decision is
    /// stopped then.
    pub(crate) fn writes_left(&self) -> usize {
        let left = self.bounds.writes.saturating_sub(self.writes.len());
        left.saturating_add(1)
    }

    /// Whether the decision did more than it may. What it came to means nothing then.
    pub(crate) fn is_exceeded(&self) -> bool {
        self.work.exceeded.get()
    }

    /// Whether one more write is too much.
    fn stops(&self) -> bool {
        if self.writes.len() >= self.bounds.writes {
            self.work.exceeded.set(true);
        }
        self.is_exceeded()
    }

    /// Whether a scan may pass over one more entry.
    fn scans_on(&self) -> bool {
        let scanned = self.work.scanned.get().saturating_add(1);
        self.work.scanned.set(scanned);
        if scanned > self.bounds.scanned {
            self.work.exceeded.set(true);
        }
        !self.is_exceeded()
    }

    /// Counts one step of a request that has many, as an entry that a scan passes over; says whether the decision goes on. What takes
    /// too many is decided outside the critical section, in which everybody waits, and stopped here: its answer is not used.
    pub fn takes_step(&self) -> bool {
        self.scans_on()
    }

    fn note_key(&self, key: &Key) {
        if self.reads.is_some() {
            self.note_read(Span::key(key), Depth::Entries);
        }
    }

    fn note_read(&self, span: Span, depth: Depth) {
        if let Some(reads) = &self.reads {
            reads.borrow_mut().push((span, depth));
        }
    }

    /// Begins the next of the changes that are decided on this draft.
    pub(crate) fn begin_part(&mut self) {
        self.parts.begin(self.writes.len());
        self.cause = Cause::Set;
    }

    /// Ends it; says whether it can go with those before it. It cannot where one commit would hide what they did one after
    /// another, nor where it was refused after it had written something: then the draft must not be used.
    pub(crate) fn end_part(&mut self, accepted: bool) -> bool {
        let cause = self.parts.end(accepted, self.writes.len(), self.cause);
        self.cause = cause.unwrap_or_default();
        cause.is_some() && self.subject.is_none()
    }

    /// Notes that what is deleted takes no parent along.
    pub(crate) fn keeps_parents(&mut self) {
        self.keeps_parents = true;
    }

    /// Notes that everything a lease has locked, or that is bound to it, is changed: whatever joins that meanwhile must be,
    /// too.
    pub(crate) fn ends(&mut self, lease: LeaseId) {
        self.ended.push(lease);
    }

    /// What was read and what will be written. The draft is not used any more.
    pub(crate) fn take_read_write_set(&mut self) -> ReadWriteSet {
        let counters = self.counters(self.written.len() > MAX_PENDING_WRITES);
        let writes = self.written.iter().map(|(key, own)| {
            let effect = if own.existed && own.shown.is_some() {
                Effect::Changes
            } else {
                Effect::ComesOrGoes
            };
            (key.clone(), effect)
        });
        let writes = writes.chain(counters).collect();
        let reads = self.reads.take().unwrap_or_default();
        ReadWriteSet::new(reads.into_inner(), writes).resting_on(RestsOn {
            directories: self.asked_directories(),
            ended: std::mem::take(&mut self.ended),
        })
    }

    /// Whether something was written and removed again. A transaction that shows it names the next revision, which must not
    /// be another change's later.
    pub(crate) fn undid(&self) -> bool {
        self.writes
            .iter()
            .any(|write| write.before.is_none() && write.put.is_none())
    }

    /// The writes, less those that change nothing. The draft goes on to show what it wrote, and writes nothing more.
    pub(crate) fn take_proposal(&mut self) -> Proposal {
        let mut writes = std::mem::take(&mut self.writes);
        writes.retain(|write| write.before.is_some() || write.put.is_some());
        Proposal {
            cause: self.cause,
            subject: self.subject.clone(),
            writes,
        }
    }
}

/// What a scan finds, to be used while the draft is written to.
pub(crate) fn cloned<'a>(
    scan: impl Iterator<Item = (&'a Key, &'a Arc<Entry>)>,
) -> Vec<(Key, Arc<Entry>)> {
    scan.map(|(key, entry)| (key.clone(), Arc::clone(entry)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Commit;
    use crate::space::lookup::Lookup as _;
    use crate::space::pending::PendingCommits;
    use crate::space::snapshot::Snapshot;
    use crate::space::tree::{self, Node};

    /// A snapshot of so many entries, all under `a/`.
    fn snapshot(count: u64) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let change = |n: u64| crate::model::Change {
            key: Key::user(format!("a/{n:04}")),
            now: Some(Arc::new(Entry {
                record: Record::default(),
                modified: Revision::new(1, 0),
            })),
            before: None,
        };
        snapshot.apply(&Commit {
            revision: 1,
            cause: Cause::Set,
            subject: None,
            changes: (0..count).map(change).collect(),
        });
        snapshot
    }

    fn draft(base: PendingSnapshot<'_>, writes: usize, scanned: usize) -> Draft<'_> {
        let bounds = DraftBounds { writes, scanned };
        Draft::new(base, 0, None, Visibility::All, bounds)
    }

    #[test]
    fn what_is_too_much_is_stopped_at_once() {
        let (snapshot, none) = (snapshot(1_000), PendingCommits::default());
        let base = PendingSnapshot::new(&snapshot, &none);
        type Delete = fn(&mut Draft<'_>);
        let deletes: [Delete; 2] = [
            |draft| draft.delete_all(&Key::user("a/")),
            |draft| {
                draft.delete_tree("a");
            },
        ];
        for delete in deletes {
            let mut draft = draft(base, 10, usize::MAX);
            delete(&mut draft);
            assert!(draft.is_exceeded());
            assert!(draft.work.scanned.get() <= 11, "{:?}", draft.work);
            assert_eq!(draft.writes.len(), 10);
        }
        let mut fits = draft(base, 1_000, usize::MAX);
        fits.delete_all(&Key::user("a/"));
        assert!(!fits.is_exceeded());
        assert_eq!(fits.take_proposal().writes.len(), 1_000);
    }

    #[test]
    fn a_deletion_of_all_takes_what_the_draft_wrote_before_along() {
        let (snapshot, none) = (snapshot(4), PendingCommits::default());
        let mut draft = draft(PendingSnapshot::new(&snapshot, &none), 10, usize::MAX);
        for key in ["a/0001", "a/0001x", "b"] {
            draft.put(&Key::user(key), Record::default());
        }
        draft.delete(&Key::user("a/0002"));
        draft.delete_all(&Key::user("a/"));
        assert_eq!(draft.scan(&Key::user("")).count(), 1);
        let writes = draft.take_proposal().writes.into_iter();
        let mut written: Vec<_> = writes
            .map(|write| match write.target {
                Target::Key(key) => (key, write.before.is_some(), write.put.is_some()),
                Target::InOrder(parent) => panic!("{parent}"),
            })
            .collect();
        written.sort();
        let gone = (0..4).map(|key| (Key::user(format!("a/{key:04}")), true, false));
        let expected = gone.chain([(Key::user("b"), false, true)]);
        assert_eq!(written, expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_decision_of_too_many_steps_is_stopped() {
        let (snapshot, none) = (snapshot(0), PendingCommits::default());
        let draft = draft(PendingSnapshot::new(&snapshot, &none), 10, 100);
        assert!((0..100).all(|_| draft.takes_step()));
        assert!(!draft.is_exceeded());
        assert!(!draft.takes_step() && draft.is_exceeded());
    }

    #[test]
    fn a_scan_ends_where_it_may_go_no_further() {
        let (snapshot, none) = (snapshot(1_000), PendingCommits::default());
        let draft = draft(PendingSnapshot::new(&snapshot, &none), 10, 100);
        assert_eq!(draft.scan(&Key::user("a/")).count(), 100);
        assert!(draft.is_exceeded());
    }

    #[test]
    fn decisions_about_nodes_scan_nothing_that_no_tree_shows() {
        let mut snapshot = snapshot(2);
        let change = |n: u64| crate::model::Change {
            key: Key::user(format!("a/{n:04}//x")),
            now: Some(Arc::new(Entry {
                record: Record::default(),
                modified: Revision::new(2, 0),
            })),
            before: None,
        };
        snapshot.apply(&Commit {
            revision: 2,
            cause: Cause::Set,
            subject: None,
            changes: (0..1_000).map(change).collect(),
        });
        let none = PendingCommits::default();
        let mut draft = draft(PendingSnapshot::new(&snapshot, &none), 10, 10);
        assert!(!tree::is_empty(&draft, "a"));
        assert!(matches!(tree::node(&draft, "a/0007"), Node::Absent));
        draft.put(&Key::user("own//x"), Record::default());
        assert!(matches!(tree::node(&draft, "own"), Node::Absent));
        assert!(tree::is_empty(&draft, "own"));
        assert!(draft.make_parents("a/b/c").is_ok());
        assert_eq!(draft.delete_tree("a"), 3);
        assert!(!draft.is_exceeded(), "{:?}", draft.work);
    }
}

//! Drafts: a change while it is decided, the state with the writes so far laid over it.

mod access;
mod bounds;
mod directories;
mod draft_rights;
mod limits;
mod lookup;
mod lost_children;
mod outcome;
mod own_directories;
mod parts;
mod recent_reads;
mod rights;
mod seen_keys;
mod writes;
mod znode;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use self::access::EntryAccess;
pub(crate) use self::bounds::DraftBounds;
use self::bounds::DraftWork;
use self::draft_rights::DraftRights;
use self::own_directories::DraftDirectories;
use self::parts::DraftParts;
use self::recent_reads::RecentReads;
pub(crate) use self::writes::cloned;
use super::access::AccessCaller;
use super::pending::PendingSnapshot;
use super::read_write_set::Depth;
use super::span::Span;
use super::visibility::Visibility;
use crate::model::{Cause, Deadline, Entry, Key, LeaseId, Principal, Write};

/// The main revision that entries written by a draft show until the store has given them one.
pub const PENDING: u64 = u64::MAX;

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

    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }

    pub(crate) fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    pub(crate) fn base(&self) -> PendingSnapshot<'a> {
        self.base
    }

    /// The entry of a key as it is decided on, without what this draft writes.
    pub(super) fn stored(&self, key: &Key) -> Option<&'a Arc<Entry>> {
        self.recent.get(key, || self.base.get(key))
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

    /// Notes that what is deleted takes no parent along.
    pub(crate) fn keeps_parents(&mut self) {
        self.keeps_parents = true;
    }

    /// Notes that everything a lease has locked, or that is bound to it, is changed: whatever joins that meanwhile must be,
    /// too.
    pub(crate) fn ends(&mut self, lease: LeaseId) {
        self.ended.push(lease);
    }
}

#[cfg(test)]
mod tests;

//! Renewals: writes that change nothing but how long an entry lives, which the gateway that serves keeps in memory.
//!
//! A renewal is decided as any write is: its conditions, rights and limits are judged on the entry as it is. It is no
//! commit: no index moves and no watch is woken. What keeps it from being cut short:
//!
//! - It is made inside the critical section, where the entry's end is decided, too; and not while a write of the entry, such
//!   as that end, is on its way.
//! - Only an entry whose stored deadline says that renewals keep it is renewed. Whoever serves next gives it its full TTL.
//! - The faces answer only while this gateway surely leads, so nobody serves next before the answer.

use std::sync::Arc;

use super::deadline_record;
use super::draft::Draft;
use super::keyspace::Keyspace;
use crate::model::{
    Cause, Change, Commit, Deadline, DirMark, Entry, Key, LeaseId, Proposal, Record, Target,
};

/// A renewal that was decided on.
#[derive(Debug)]
pub(crate) struct Renewal {
    key: Key,
    /// The entry that it renews.
    before: Arc<Entry>,
    /// Its new deadline; `None` where it ends with a session, which is renewed by itself.
    deadline: Option<Deadline>,
    cause: Cause,
    subject: Option<Key>,
    now_ms: i64,
}

impl Renewal {
    /// The keys whose entries it rests on: the entry that it renews, and the record of its deadline.
    pub(crate) fn keys(&self) -> [Key; 2] {
        [
            self.key.clone(),
            deadline_record::RECORDS.record_key(&self.key),
        ]
    }
}

impl Keyspace {
    /// Makes equal writes beneath these directories renewals: those with a TTL, or of an entry that a session with a TTL has
    /// locked. Asked for once, before anything is served.
    pub fn renew_under(&self, directories: &[String]) {
        self.inner.applier.renewals.set(directories);
    }

    /// Notes that a watch or a parked poll ended without an answer. Its client may wait for any event to begin another.
    pub fn watch_broke(&self) {
        self.inner.applier.renewals.watch_broke();
    }

    /// When an entry with a TTL ends, given the deadline in it.
    pub fn deadline(&self, key: &Key, stored: Deadline) -> Deadline {
        self.timers().deadline(key, stored)
    }

    /// The renewal that a decision comes to. Where it renews an entry but must be written, so that renewals need not be from
    /// then on, the proposal is changed to say so.
    pub(super) fn renewal(&self, draft: &Draft<'_>, proposal: &mut Proposal) -> Option<Renewal> {
        if !draft.may_renew() {
            return None;
        }
        let is_refresh = proposal.cause == Cause::Refresh;
        let [write] = proposal.writes.as_mut_slice() else {
            return None;
        };
        let (Target::Key(key), Some(before), Some(put)) =
            (&write.target, &write.before, &mut write.put)
        else {
            return None;
        };
        let rules = &self.inner.applier.renewals;
        if !(is_refresh || rules.include(key)) || !is_equal(before.as_ref(), put) {
            return None;
        }
        let deadline = match (before.attrs().deadline, put.attrs.deadline) {
            (Some(had), Some(has)) => {
                put.attrs.deadline = Some(has.kept_by_renewals());
                let is_kept = had.is_kept_by_renewals() && had.ttl_ms == has.ttl_ms;
                // Obsolete or not: the write makes it obsolete.
                let record = deadline_record::RECORDS.record_key(key);
                if !is_kept || draft.peek(&record).is_some() {
                    return None;
                }
                Some(has)
            }
            (None, None)
                if before
                    .attrs()
                    .lock
                    .is_some_and(|lock| has_term(draft, lock)) =>
            {
                None
            }
            _ => return None,
        };
        if !is_refresh && rules.claims_delivery(key) {
            return None;
        }
        Some(Renewal {
            key: key.clone(),
            before: Arc::clone(before),
            deadline,
            cause: proposal.cause,
            subject: proposal.subject.clone(),
            now_ms: draft.now_ms(),
        })
    }

    /// Renews, and returns what is answered: a commit that there never was. `None` where the entry is another by now.
    pub(super) fn apply_renewal(&self, renewal: &Renewal) -> Option<Commit> {
        let (key, before) = (&renewal.key, &renewal.before);
        let is_current = || {
            let current = self.inner.applier.current();
            let own = current.entries.get(key);
            own.is_some_and(|own| own.modified == before.modified)
        };
        let had = match (before.attrs().deadline, renewal.deadline) {
            (Some(stored), Some(deadline)) => {
                let timers = self.timers();
                Some(timers.renew_entry(key, (stored, deadline), is_current)?)
            }
            _ => is_current().then_some(None)?,
        };
        let shown = |deadline, mtime_ms| {
            let mut entry = Entry::clone(before);
            entry.record.attrs.deadline = deadline;
            entry.record.attrs.mtime_ms = mtime_ms;
            Some(Arc::new(entry))
        };
        Some(Commit {
            revision: before.index(),
            cause: renewal.cause,
            subject: renewal.subject.clone(),
            changes: vec![Change {
                key: key.clone(),
                now: shown(renewal.deadline, renewal.now_ms),
                before: shown(had, before.attrs().mtime_ms),
            }],
        })
    }
}

/// Whether a lease ends by itself where nobody renews it.
fn has_term(draft: &Draft<'_>, lease: LeaseId) -> bool {
    let lease = draft.any_lease(lease);
    lease.is_some_and(|lease| lease.term_ms.is_some())
}

/// Whether a write changes nothing of a value, but its deadline and what every write changes.
fn is_equal(before: &Entry, put: &Record) -> bool {
    let (was, is) = (before.attrs(), &put.attrs);
    if before.value() != &put.value
        || was.deadline.is_some() != is.deadline.is_some()
        || was.dir != DirMark::No
    {
        return false;
    }
    let mut same = was.clone();
    same.version = is.version;
    same.mtime_ms = is.mtime_ms;
    same.created = is.created;
    same.placed = is.placed;
    same.deadline = is.deadline;
    same == *is
}

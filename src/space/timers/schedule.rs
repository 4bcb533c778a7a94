//! `TimerSchedule`: when each lease, entry and lock delay ends, by the changes of their records.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Deadline, Entry, Key, Lease, LeaseId, Realm, time};
use crate::space::deadline_record::{self, DeadlineRecord};
use crate::space::deferred_release;
use crate::space::lock_delay;
use crate::space::renewed_deadlines::RenewedDeadlines;

/// Something that ends at a set time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timed {
    /// A lease that was not renewed.
    Lease(LeaseId),
    /// An entry with a TTL of its own.
    Entry(Key),
    /// A lock delay: the key of its record.
    Delay(Key),
    /// A lease whose end has begun.
    Ending(LeaseId),
    /// An entry that nobody has renewed for a while, or whose deadline record is obsolete: what is recorded of it is to be made
    /// right.
    Unrenewed(Key),
}

#[derive(Debug, Default)]
pub(super) struct TimerSchedule {
    pub(super) due: BTreeSet<(Duration, Timed)>,
    pub(super) at: HashMap<Timed, Duration>,
    /// Every lease there is, with its term.
    pub(super) terms: HashMap<LeaseId, Option<Duration>>,
    /// Leases whose end is decided: they are not renewed any more.
    pub(super) ending: HashMap<LeaseId, EndAttempts>,
    /// What could not be ended when it was due.
    pub(super) postponed: HashSet<Timed>,
    pub(super) renewed: RenewedDeadlines,
}

/// What is known of the attempts to write the end of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndAttempts {
    /// None that failed was written.
    NotWritten,
    /// One may have been written, or be written yet.
    PerhapsWritten,
}

impl TimerSchedule {
    /// Follows a change, given the entry before, where there was one, and the entry now.
    pub(super) fn follow(
        &mut self,
        now: Duration,
        key: &Key,
        (before, entry): (Option<&Arc<Entry>>, Option<&Arc<Entry>>),
    ) {
        match key.realm() {
            Realm::System if LeaseId::is_record(key) => {
                self.follow_lease(now, key, entry);
            }
            Realm::System => {
                if let Some(delay) = lock_delay::RECORDS.key_of(key) {
                    let item = Timed::Delay(delay);
                    match entry.and_then(|entry| lock_delay::length(entry)) {
                        Some(length) => self.set(item, now + length),
                        None => self.clear(&item),
                    }
                }
                if let Some(lease) = deferred_release::of(key) {
                    let item = Timed::Ending(lease);
                    match entry {
                        Some(_) => self.set(item, now),
                        None => self.clear(&item),
                    }
                }
                if let Some(own) = deadline_record::RECORDS.key_of(key) {
                    let record = entry.and_then(|entry| DeadlineRecord::read(entry));
                    self.renewed.follow_record(own, record);
                }
            }
            Realm::User => self.follow_entry(now, key, (before, entry)),
        }
    }

    fn follow_entry(
        &mut self,
        now: Duration,
        key: &Key,
        (before, entry): (Option<&Arc<Entry>>, Option<&Arc<Entry>>),
    ) {
        let item = Timed::Entry(key.clone());
        let is_same = before
            .zip(entry)
            .is_some_and(|(before, entry)| leaves_renewals(before, entry));
        if !is_same || !self.at.contains_key(&item) {
            self.renewed.forget(key);
            match entry.and_then(|entry| entry.attrs().deadline) {
                Some(deadline) => self.set(item, now + left(deadline.at_ms, deadline)),
                None => self.clear(&item),
            }
        }
        if self.renewed.has_records() && self.renewed.record(key).is_some() {
            // It is about the entry before.
            self.set(Timed::Unrenewed(key.clone()), now);
        }
    }

    /// Gives an entry that the store held its full TTL, if renewals keep it alive and no record says when it ends.
    pub(super) fn load_renewed(&mut self, now: Duration, key: &Key, entry: &Entry) {
        let kept = entry
            .attrs()
            .deadline
            .filter(|deadline| key.realm() == Realm::User && deadline.is_kept_by_renewals());
        let Some(deadline) = kept else {
            return;
        };
        let record = self.renewed.record(key);
        if let Some(record) = record.filter(|record| record.is_about(entry)) {
            self.set(
                Timed::Entry(key.clone()),
                now + left(record.at_ms, deadline),
            );
            self.renewed.load(key, record.at_ms);
            return;
        }
        let at_ms = time::unix_ms().saturating_add_unsigned(deadline.ttl_ms);
        self.renewed.load(key, at_ms);
        let patience = deadline_record::patience(deadline);
        self.set(Timed::Unrenewed(key.clone()), now + patience);
    }

    fn follow_lease(&mut self, now: Duration, key: &Key, entry: Option<&Arc<Entry>>) {
        let text = key.as_str().and_then(|text| text.strip_prefix("lease/"));
        let Some(id) = text.and_then(|text| text.parse::<LeaseId>().ok()) else {
            return;
        };
        let lease = entry.and_then(|entry| Lease::read(entry.value()));
        self.ending.remove(&id);
        match lease {
            None => {
                self.terms.remove(&id);
                self.clear(&Timed::Lease(id));
            }
            Some(lease) => {
                self.terms.insert(id, lease.term());
                match lease.term() {
                    Some(term) => self.set(Timed::Lease(id), now + term),
                    None => self.clear(&Timed::Lease(id)),
                }
            }
        }
    }

    pub(super) fn set(&mut self, item: Timed, at: Duration) {
        self.clear(&item);
        self.due.insert((at, item.clone()));
        self.at.insert(item, at);
    }

    pub(super) fn clear(&mut self, item: &Timed) {
        if let Some(at) = self.at.remove(item) {
            self.due.remove(&(at, item.clone()));
        }
    }
}

/// Whether a write leaves alone what renewals made of an entry's deadline: one of the value alone, or of its access list.
fn leaves_renewals(before: &Entry, entry: &Entry) -> bool {
    let (was, is) = (before.attrs(), entry.attrs());
    let Some(deadline) = is.deadline.filter(|own| own.is_kept_by_renewals()) else {
        return false;
    };
    let begins_ms = deadline
        .as_written()
        .at_ms
        .saturating_sub_unsigned(deadline.ttl_ms);
    was.deadline == is.deadline && (was.version == is.version || begins_ms != is.mtime_ms)
}

/// How long until an entry ends at a time, but no longer than its TTL.
fn left(at_ms: i64, deadline: Deadline) -> Duration {
    // Both are cut to whole milliseconds: one more, or it could end a part of one early.
    // Somebody may have written any number into the store.
    let left = at_ms.saturating_sub(time::unix_ms());
    let left = left.saturating_add(1);
    let left = u64::try_from(left).unwrap_or(0).min(deadline.ttl_ms);
    Duration::from_millis(left)
}

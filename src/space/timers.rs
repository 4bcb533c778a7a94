//! Timers: when leases, TTLs and lock delays end, by the serving clock.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::clock::ServingClock;
use super::deadline_record::{self, DeadlineRecord};
use super::deferred_release;
use super::lock_delay;
use super::renewed_deadlines::RenewedDeadlines;
use crate::model::{Change, Commit, Deadline, Entry, Key, Lease, LeaseId, Realm, time};

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
    /// An entry that nobody has renewed for a while, or whose deadline record is void: what is recorded of it is to be made
    /// right.
    Unrenewed(Key),
}

/// When everything with an end ends. Follows the stream of commits.
///
/// None of this is stored but the terms: when a gateway begins to serve, every lease and lock delay has its full term
/// again. So has the TTL of an entry that renewals keep alive, unless a record says when it ends; any other TTL has what the
/// wall clock says is left of it, at most all of it.
#[derive(Debug)]
pub(crate) struct Timers {
    clock: ServingClock,
    state: Mutex<Schedule>,
    earlier: Notify,
}

#[derive(Debug, Default)]
struct Schedule {
    due: BTreeSet<(Duration, Timed)>,
    at: HashMap<Timed, Duration>,
    /// Every lease there is, with its term.
    terms: HashMap<LeaseId, Option<Duration>>,
    /// Leases whose end is decided: they are not renewed any more.
    ending: HashMap<LeaseId, EndAttempts>,
    /// What could not be ended when it was due.
    postponed: HashSet<Timed>,
    renewed: RenewedDeadlines,
}

/// What is known of the attempts to write the end of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndAttempts {
    /// None that failed was written.
    NotWritten,
    /// One may have been written, or be written yet.
    PerhapsWritten,
}

impl Timers {
    pub(crate) fn start() -> Self {
        Self {
            clock: ServingClock::start(),
            state: Mutex::default(),
            earlier: Notify::new(),
        }
    }

    /// Sets the timers of what a store held.
    pub(crate) fn load(&self, entries: &[(Key, Arc<Entry>)]) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        for (key, entry) in entries {
            state.follow(now, key, (None, Some(entry)));
        }
        // When all records are known.
        for (key, entry) in entries {
            state.load_renewed(now, key, entry);
        }
        let recorded: Vec<Key> = state.renewed.recorded().cloned().collect();
        for key in recorded {
            if !state.renewed.is_unrenewed(&key) {
                state.set(Timed::Unrenewed(key), now);
            }
        }
    }

    /// Sets and clears the timers that commits are about. Until what this returns is dropped, nothing is taken as due:
    /// the view must show first what is to end.
    #[must_use]
    pub(crate) fn follow(&self, commits: &[Arc<Commit>]) -> Option<ScheduleUpdate<'_>> {
        let timed = |entry: &Option<Arc<Entry>>| {
            entry
                .as_ref()
                .is_some_and(|entry| entry.attrs().deadline.is_some())
        };
        let concerns = |change: &&Change| {
            change.key.realm() == Realm::System || timed(&change.now) || timed(&change.before)
        };
        let mut changes = commits
            .iter()
            .flat_map(|commit| &commit.changes)
            .filter(concerns)
            .peekable();
        changes.peek()?;
        let now = self.clock.now();
        // Notified when the lock is free again.
        let notify = NotifyOnDrop(&self.earlier);
        let mut state = self.state.lock();
        for change in changes {
            let (before, entry) = (change.before.as_ref(), change.now.as_ref());
            state.follow(now, &change.key, (before, entry));
        }
        Some(ScheduleUpdate {
            _state: state,
            _notify: notify,
        })
    }

    /// Gives a lease its full term again; says whether there is one to renew.
    ///
    /// Once its end is decided there is none, even before the end is written: a renewal that was acknowledged is
    /// never followed by an end that was decided before it.
    pub(crate) fn renew(&self, lease: LeaseId) -> bool {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.ending.contains_key(&lease) {
            return false;
        }
        match state.terms.get(&lease).copied() {
            None => false,
            Some(None) => true,
            Some(Some(term)) => {
                state.set(Timed::Lease(lease), now + term);
                true
            }
        }
    }

    /// Gives an entry its TTL again, up to this deadline, if it `is_current`: the view shows what was decided on. Returns the
    /// deadline that it had. Must be called inside the critical section, where its end is decided, too.
    pub(crate) fn renew_entry(
        &self,
        key: &Key,
        (stored, deadline): (Deadline, Deadline),
        is_current: impl FnOnce() -> bool,
    ) -> Option<Deadline> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        // Under the lock: what is delivered sets its timers and moves the view on under it, too.
        if !is_current() {
            return None;
        }
        let before = state.renewed.of(key, stored);
        let ttl = Duration::from_millis(deadline.ttl_ms);
        state.set(Timed::Entry(key.clone()), now + ttl);
        state.clear(&Timed::Unrenewed(key.clone()));
        state.renewed.renew(key, deadline.at_ms);
        Some(before)
    }

    /// The deadline of an entry, given the one that it was stored with.
    pub(crate) fn deadline(&self, key: &Key, stored: Deadline) -> Deadline {
        if stored.is_kept_by_renewals() {
            self.state.lock().renewed.of(key, stored)
        } else {
            stored
        }
    }

    /// How long an entry has left that nobody has renewed since this gateway began to serve; `None` for any other.
    pub(crate) fn unrenewed_left(&self, key: &Key) -> Option<Duration> {
        let now = self.clock.now();
        let state = self.state.lock();
        let at = state.at.get(&Timed::Entry(key.clone()))?;
        let is_unrenewed = state.renewed.is_unrenewed(key);
        is_unrenewed.then(|| at.saturating_sub(now))
    }

    /// Takes what is due, at most so much, and says how long until the next.
    pub(crate) fn take_due(&self, most: usize) -> (Vec<Timed>, Option<Duration>) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let mut due = Vec::new();
        while let Some((at, item)) = state.due.first() {
            if *at > now || due.len() == most {
                return (due, Some(at.saturating_sub(now)));
            }
            let item = item.clone();
            state.clear(&item);
            if let Timed::Lease(lease) = item {
                let attempts = state.ending.entry(lease);
                attempts.or_insert(EndAttempts::NotWritten);
            }
            due.push(item);
        }
        (due, None)
    }

    /// Goes on at once with something of which only a part has ended, unless it was refreshed meanwhile.
    pub(crate) fn go_on(&self, item: Timed) {
        let now = self.clock.now();
        let notify = NotifyOnDrop(&self.earlier);
        let mut state = self.state.lock();
        if !state.at.contains_key(&item) {
            state.set(item, now);
        }
        drop(state);
        drop(notify);
    }

    /// Tries again a while later: the end could not be written, or perhaps was. Says whether it is the first time.
    ///
    /// A lease whose end was surely not written can be renewed until then. Where it may be written yet it cannot, or the end
    /// would come after a renewal that was acknowledged.
    pub(crate) fn postpone(&self, item: Timed, by: Duration, is_unknown: bool) -> bool {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let first = state.postponed.insert(item.clone());
        if let Timed::Lease(lease) = &item {
            if is_unknown {
                state.ending.insert(*lease, EndAttempts::PerhapsWritten);
            } else if state.ending.get(lease) == Some(&EndAttempts::NotWritten) {
                state.ending.remove(lease);
            }
        }
        // Renewed by now, as soon as the attempt had failed: then it ends later.
        if !state.at.contains_key(&item) {
            state.set(item, now + by);
        }
        first
    }

    /// Forgets that its end was postponed: it has ended, or lives on.
    pub(crate) fn finished(&self, item: &Timed) {
        self.state.lock().postponed.remove(item);
    }

    /// Whether the item has a time to end at.
    pub(crate) fn is_set(&self, item: &Timed) -> bool {
        self.state.lock().at.contains_key(item)
    }

    /// Waits until something may end sooner than was known.
    pub(crate) async fn earlier(&self) {
        self.earlier.notified().await;
    }

    /// How many leases there are.
    pub(crate) fn leases(&self) -> usize {
        self.state.lock().terms.len()
    }
}

/// Timers that are set, of something that is not in the view yet.
#[derive(Debug)]
pub(crate) struct ScheduleUpdate<'a> {
    // Dropped in this order.
    _state: MutexGuard<'a, Schedule>,
    _notify: NotifyOnDrop<'a>,
}

#[derive(Debug)]
struct NotifyOnDrop<'a>(&'a Notify);

impl Drop for NotifyOnDrop<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Schedule {
    /// Follows a change, given the entry before, where there was one, and the entry now.
    fn follow(
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
    fn load_renewed(&mut self, now: Duration, key: &Key, entry: &Entry) {
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

    fn set(&mut self, item: Timed, at: Duration) {
        self.clear(&item);
        self.due.insert((at, item.clone()));
        self.at.insert(item, at);
    }

    fn clear(&mut self, item: &Timed) {
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

//! Timers: when leases, TTLs and lock delays end, by the serving clock.

mod schedule;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

pub(crate) use self::schedule::Timed;
use self::schedule::{EndAttempts, TimerSchedule};
use super::clock::ServingClock;
use crate::model::{Change, Deadline, Entry, Key, LeaseId, Realm};

/// Whether timers follow a change: one of an entry that has a deadline or had one, or of the gateway's own records.
pub(crate) fn is_timed(change: &Change) -> bool {
    let timed = |entry: &Option<Arc<Entry>>| {
        entry
            .as_ref()
            .is_some_and(|entry| entry.attrs().deadline.is_some())
    };
    change.key.realm() == Realm::System || timed(&change.now) || timed(&change.before)
}

/// When everything with an end ends. Follows the stream of commits.
///
/// None of this is stored but the terms: when a gateway begins to serve, every lease and lock delay has its full term
/// again. So has the TTL of an entry that renewals keep alive, unless a record says when it ends; any other TTL has what the
/// wall clock says is left of it, at most all of it.
#[derive(Debug)]
pub(crate) struct Timers {
    clock: ServingClock,
    state: Mutex<TimerSchedule>,
    earlier: Notify,
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

    /// Sets and clears the timers that changes are about, all of which [`is_timed`]. Until what this returns is dropped, nothing
    /// is taken as due: the view must show first what is to end.
    #[must_use]
    pub(crate) fn follow<'c>(
        &self,
        changes: impl Iterator<Item = &'c Change>,
    ) -> Option<ScheduleUpdate<'_>> {
        let mut changes = changes.peekable();
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
    _state: MutexGuard<'a, TimerSchedule>,
    _notify: NotifyOnDrop<'a>,
}

#[derive(Debug)]
struct NotifyOnDrop<'a>(&'a Notify);

impl Drop for NotifyOnDrop<'_> {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

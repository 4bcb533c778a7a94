//! Applier: applies the store's commits to the view, history, timers and watches, as one step.

mod advance;
mod held_back;
mod next_snapshot;

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use self::held_back::without_held_back;
use self::next_snapshot::NextSnapshot;
use super::directory_checkpoints::DirectoryCheckpoints;
use super::freshness::Freshness;
use super::history::History;
use super::prepared_deletion::PreparedDeletion;
use super::quota::{EntrySource, Quotas};
use super::remembered_deletions::RememberedDeletions;
use super::renewal_rules::RenewalRules;
use super::retired::retire;
use super::sieve::EntrySieve;
use super::snapshot::Snapshot;
use super::timers::{Timers, is_timed};
use super::watches::Watches;
use crate::model::{Commit, Entry, Key, KeyRange};
use crate::store::{
    CommitSink, DirectoryChanges, PreparedDelivery, RetentionFloors, StoreContents,
};

/// Everything in memory that follows the store.
#[derive(Debug)]
pub(crate) struct Applier {
    current: ArcSwap<Snapshot>,
    pub(crate) history: History,
    pub(crate) watches: Arc<Watches>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) timers: Timers,
    pub(crate) renewals: RenewalRules,
    /// The deletions in the view, oldest first; some keys may have been written again.
    deleted: Mutex<RememberedDeletions>,
    /// What the store has of the directories; `None` where it keeps none.
    directories: Mutex<Option<DirectoryCheckpoints>>,
    /// What was prepared for the next delivery.
    prepared: Mutex<Option<NextSnapshot>>,
    /// What is counted beneath prefixes.
    quotas: Option<Arc<dyn Quotas>>,
    /// Whether others write to the store, too: commits of theirs lack the previous entries.
    is_shared: bool,
    /// What was delivered before there was anything to add it to; `None` once there is. A store that others write to
    /// goes on while it is opened.
    early: Mutex<Option<Vec<Arc<Commit>>>>,
}

impl Applier {
    pub(crate) fn new(sieve: Option<Arc<dyn EntrySieve>>) -> Self {
        if let Some(sieve) = &sieve {
            sieve.begin();
        }
        Self {
            current: ArcSwap::from_pointee(Snapshot::sifted_by(sieve)),
            history: History::default(),
            watches: Arc::new(Watches::new()),
            freshness: Arc::default(),
            timers: Timers::start(),
            renewals: RenewalRules::default(),
            deleted: Mutex::default(),
            directories: Mutex::default(),
            prepared: Mutex::default(),
            quotas: None,
            is_shared: true,
            early: Mutex::new(Some(Vec::new())),
        }
    }

    /// The same with a count of what is beneath prefixes.
    pub(crate) fn counting(self, quotas: Option<Arc<dyn Quotas>>) -> Self {
        Self { quotas, ..self }
    }

    /// The same, where it is known whether others write to the store, too. Any other store checks for each write that the entry
    /// which it replaces is the one it was decided on, or that there is none.
    pub(crate) fn of_shared_store(self, is_shared: bool) -> Self {
        Self { is_shared, ..self }
    }

    /// Begins with what a store held.
    pub(crate) fn load(&self, contents: &StoreContents) {
        let empty = Snapshot::clone(&self.current.load());
        let snapshot = empty.load(contents);
        let saved = contents.directories.as_ref();
        let saved = saved.map(|checkpoint| DirectoryCheckpoints::new(checkpoint.revision));
        *self.directories.lock() = saved;
        *self.deleted.lock() = RememberedDeletions::new(&contents.deletions);
        self.history.load(&contents.history, contents.history_floor);
        if snapshot.has_lists() || contents.history.iter().any(|commit| commit.has_lists()) {
            self.watches.note_lists();
        }
        self.timers.load(&contents.entries);
        self.current.store(Arc::new(snapshot));
        let mut early = self.early.lock();
        let mut waited = early.take().unwrap_or_default();
        waited.retain(|commit| commit.revision > contents.revision);
        // Under the lock: what is delivered now comes after it.
        self.take(waited);
        drop(early);
    }

    /// The keyspace as it stands.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// What of the past is still wanted.
    pub(crate) fn retention_floors(&self) -> RetentionFloors {
        let history_floor = self.history.floor();
        let directories = self.directories.lock();
        // Commits that are in no checkpoint are all that tells how many children ever were.
        let counted = directories
            .as_ref()
            .map_or(u64::MAX, DirectoryCheckpoints::saved);
        RetentionFloors {
            history_floor: history_floor.min(counted),
            deletions_floor: self.current.load().deletions_floor,
        }
    }

    /// The next checkpoint of directories for the store, when it is time for one.
    pub(crate) fn next_directories(&self) -> Option<DirectoryChanges> {
        // Before the history is looked at: it has all that the snapshot shows.
        let snapshot = self.current.load_full();
        let mut directories = self.directories.lock();
        directories.as_mut()?.next(&snapshot, &self.history)
    }

    fn take(&self, commits: Vec<Arc<Commit>>) {
        let prepared = self.prepared.lock().take();
        let keeps_states = self.watches.has_partial_subscriptions();
        let mut next = match prepared.filter(|prepared| prepared.shows(&commits)) {
            Some(prepared) => prepared,
            None => self.next(commits, keeps_states),
        };
        if !keeps_states {
            for commit in &mut next.changed {
                commit.states = None;
            }
        }
        self.show(next, None);
    }

    /// Shows the next snapshot; of a wide deletion with what was prepared of it.
    fn show(&self, next: NextSnapshot, wide: Option<&PreparedDeletion>) {
        let NextSnapshot {
            snapshot,
            delivered,
            changed,
            sifted,
            counted,
        } = next;
        // What was made from the entries is stale before the view shows the change (see `Fresh`). History comes first: a
        // reader that sees a revision in the view finds its commit. Subscriptions have a commit in their queues before the
        // view shows it, and take it only then: no change is seen before its event, nor the other way round. Timers come
        // before the view, so that nothing refreshed is ended; but nothing is due before the view shows it. The view comes
        // before the watches: a watcher that is woken reads at least what woke it. All come before the store answers: an
        // answer is never ahead of its event.
        let keys = wide.map(PreparedDeletion::keys);
        self.freshness.pass(&delivered, keys);
        if !sifted.is_empty() {
            self.freshness.pass(&sifted, None);
        }
        // Before decisions see it in the view, and no longer among what is pending: it counts once, always.
        if let Some(quotas) = &self.quotas {
            quotas.follow(&counted, wide.and_then(|wide| wide.sum.as_ref()));
        }
        match (wide, delivered.as_slice()) {
            (Some(wide), [commit]) => self.history.push_weighed(commit, wide.weight),
            _ => self.history.push(&delivered),
        }
        self.watches.announce(changed);
        let update = if let (Some(wide), [commit]) = (wide, delivered.as_slice()) {
            self.timers.follow(wide.timed(commit))
        } else {
            let changes = delivered.iter().flat_map(|commit| &commit.changes);
            self.timers
                .follow(changes.filter(|change| is_timed(change)))
        };
        let before = self.current.swap(Arc::new(snapshot));
        drop(update);
        if wide.is_some() {
            retire(before);
        }
        // Watches that broke before this get the commits; those that break from now on may not.
        let broken = self.renewals.broken();
        self.watches.deliver(keys);
        match wide {
            Some(wide) => self
                .renewals
                .note_delivered_keys(broken, wide.renewed.iter()),
            None => self.renewals.note_delivered(broken, &delivered),
        }
    }
}

impl EntrySource for Applier {
    fn each_entry(&self, visit: &mut dyn FnMut(&Key, &Entry)) -> u64 {
        let snapshot = self.current.load_full();
        let all = KeyRange::Prefix(Key::user("")).bounds();
        for (key, entry) in snapshot.entries.range(all) {
            visit(key, entry);
        }
        snapshot.revision
    }
}

impl CommitSink for Applier {
    fn deliver(&self, commits: Vec<Arc<Commit>>) {
        let mut early = self.early.lock();
        if let Some(early) = early.as_mut() {
            early.extend(commits);
            return;
        }
        drop(early);
        self.take(commits);
    }

    fn prepare(&self, commits: &[Arc<Commit>]) {
        if self.early.lock().is_none() {
            // Somebody who may see a part only may subscribe until they are delivered.
            let next = self.next(commits.to_vec(), true);
            *self.prepared.lock() = Some(next);
        }
    }

    fn prepare_wide(&self, commit: &Arc<Commit>) -> PreparedDelivery {
        if self.early.lock().is_some() {
            return None;
        }
        let current = self.current.load_full();
        let wide = PreparedDeletion::new(&current, commit)?;
        let mut wide = wide.sifted(commit, without_held_back)?;
        wide.renewed = self.renewals.one_each(wide.keys().iter());
        wide.sum = self
            .quotas
            .as_ref()
            .and_then(|quotas| quotas.sum_of_commit(commit));
        if !wide.catch_up(&self.history) {
            return None;
        }
        Some(Box::new(Arc::new(wide)))
    }

    fn deliver_wide(&self, commit: Arc<Commit>, prepared: PreparedDelivery) {
        let prepared = prepared.and_then(|prepared| prepared.downcast().ok());
        let Some(mut wide) = prepared.map(|prepared| *prepared) else {
            return self.deliver(vec![commit]);
        };
        let own: Option<&mut PreparedDeletion> = Arc::get_mut(&mut wide);
        match own.and_then(|own| self.next_wide(&commit, own)) {
            Some(next) => self.show(next, Some(&wide)),
            None => self.deliver(vec![commit]),
        }
        retire(wide);
    }

    fn lose(&self, revision: u64) {
        self.history.lose(revision);
    }
}

#[cfg(test)]
mod tests;

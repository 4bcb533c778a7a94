//! Applier: applies the store's commits to the view, history, timers and watches, as one step.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use imbl::OrdSet;
use parking_lot::Mutex;

use super::directory_checkpoints::DirectoryCheckpoints;
use super::freshness::Freshness;
use super::history::History;
use super::node_commit::CommitEffects;
use super::prepared_deletion::PreparedDeletion;
use super::quota::{EntrySource, Quotas};
use super::remembered_deletions::RememberedDeletions;
use super::renewal_rules::RenewalRules;
use super::retired::retire;
use super::seen_nodes::CommitStates;
use super::sieve::EntrySieve;
use super::snapshot::Snapshot;
use super::timers::Timers;
use super::watches::Watches;
use crate::model::{Change, Commit, Entry, Key, KeyRange};
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

    /// Remembers what a commit deleted, but for so many, and forgets the oldest where that grows too much.
    fn remember_deletions(&self, snapshot: &mut Snapshot, commit: &Commit, forgotten: usize) {
        let into = (&mut snapshot.deletions, &mut snapshot.deletions_floor);
        self.deleted.lock().push(commit, forgotten, into);
    }
}

/// The commit with the previous entries that its store did not know.
fn with_before(snapshot: &Snapshot, commit: Arc<Commit>) -> Arc<Commit> {
    let known =
        |change: &Change| change.before.is_some() || !snapshot.entries.contains_key(&change.key);
    if commit.changes.iter().all(known) {
        return commit;
    }
    let mut commit = Arc::unwrap_or_clone(commit);
    for change in &mut commit.changes {
        change.before = snapshot.entries.get(&change.key).cloned();
    }
    Arc::new(commit)
}

/// Commits, and the snapshot that shows them.
#[derive(Debug)]
struct NextSnapshot {
    snapshot: Snapshot,
    delivered: Vec<Arc<Commit>>,
    changed: Vec<CommitEffects>,
    /// What is held back anew, or no more.
    sifted: Vec<Arc<Commit>>,
    /// What quotas count: the commits with the values that are held back.
    counted: Vec<Arc<Commit>>,
}

impl NextSnapshot {
    /// Whether it shows these commits.
    fn shows(&self, commits: &[Arc<Commit>]) -> bool {
        let revision = |commit: &Arc<Commit>| commit.revision;
        let own = self.delivered.iter().map(revision);
        own.eq(commits.iter().map(revision))
    }
}

/// What is held back since a commit, or no more, though it was not changed: what was made from it is stale.
fn held_back_anew(commit: &Commit, before: &OrdSet<Key>, now: &OrdSet<Key>) -> Option<Arc<Commit>> {
    if before == now {
        return None;
    }
    let (gone, come) = (
        before.iter().filter(|key| !now.contains(*key)),
        now.iter().filter(|key| !before.contains(*key)),
    );
    let changes = gone.chain(come).map(|key| Change {
        key: key.clone(),
        now: None,
        before: None,
    });
    Some(Arc::new(Commit {
        revision: commit.revision,
        cause: commit.cause,
        subject: None,
        changes: changes.collect(),
    }))
}

/// The commit as the past and watches know it: of what a sieve holds back, the value is empty.
fn without_held_back(commit: Arc<Commit>, before: &OrdSet<Key>, now: &OrdSet<Key>) -> Arc<Commit> {
    let is_held_back = |change: &Change| before.contains(&change.key) || now.contains(&change.key);
    if (before.is_empty() && now.is_empty()) || !commit.changes.iter().any(is_held_back) {
        return commit;
    }
    let mut commit = Arc::unwrap_or_clone(commit);
    for change in &mut commit.changes {
        for (entry, held_back) in [(&mut change.before, before), (&mut change.now, now)] {
            if held_back.contains(&change.key) {
                *entry = entry.as_deref().map(emptied);
            }
        }
    }
    Arc::new(commit)
}

/// An entry without its value.
fn emptied(entry: &Entry) -> Arc<Entry> {
    let mut entry = entry.clone();
    entry.record.value = Bytes::new();
    Arc::new(entry)
}

impl Applier {
    /// Applies commits to what is shown, which stays as it is; with the states around each, if those are kept.
    fn next(&self, commits: Vec<Arc<Commit>>, keeps_states: bool) -> NextSnapshot {
        let mut snapshot = Snapshot::clone(&self.current.load());
        let mut delivered = Vec::with_capacity(commits.len());
        let mut changed = Vec::with_capacity(commits.len());
        let mut sifted = Vec::new();
        let mut counted = Vec::new();
        for commit in commits {
            let commit = if self.is_shared {
                with_before(&snapshot, commit)
            } else {
                commit
            };
            if self.quotas.is_some() {
                counted.push(Arc::clone(&commit));
            }
            let was_held_back = snapshot.held_back().clone();
            let deletions = commit.deleted_keys().count();
            let forgotten = self.deleted.lock().forgets(deletions);
            let before = keeps_states.then(|| snapshot.entries.clone());
            let effects = snapshot.apply_forgetting(&commit, forgotten);
            let states = before.map(|before| {
                let after = snapshot.entries.clone();
                Arc::new(CommitStates { before, after })
            });
            // Most commits have none, for which nothing is allocated.
            let effects = if effects.is_empty() {
                Arc::default()
            } else {
                effects.into()
            };
            self.remember_deletions(&mut snapshot, &commit, forgotten);
            sifted.extend(held_back_anew(
                &commit,
                &was_held_back,
                snapshot.held_back(),
            ));
            let commit = without_held_back(commit, &was_held_back, snapshot.held_back());
            delivered.push(Arc::clone(&commit));
            changed.push(CommitEffects {
                commit,
                effects,
                states,
            });
        }
        NextSnapshot {
            snapshot,
            delivered,
            changed,
            sifted,
            counted,
        }
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
            quotas.follow(&mut counted.iter().map(AsRef::as_ref));
        }
        match (wide, delivered.as_slice()) {
            (Some(wide), [commit]) => self.history.push_weighed(commit, wide.weight),
            _ => self.history.push(&delivered),
        }
        self.watches.announce(changed);
        let is_timed = wide.is_none_or(|wide| wide.is_timed);
        let update = is_timed.then(|| self.timers.follow(&delivered));
        let before = self.current.swap(Arc::new(snapshot));
        drop(update);
        if wide.is_some() {
            retire(before);
        }
        // Watches that broke before this get the commits; those that break from now on may not.
        let broken = self.renewals.broken();
        self.watches.deliver(keys);
        match wide {
            Some(wide) => self.renewals.note_delivered_keys(broken, wide.renewed.iter()),
            None => self.renewals.note_delivered(broken, &delivered),
        }
    }

    /// What shows a wide deletion, by what was prepared. `None` where that does not hold any more.
    fn next_wide(&self, commit: &Arc<Commit>, wide: &mut PreparedDeletion) -> Option<NextSnapshot> {
        if !wide.catch_up(&self.history) {
            return None;
        }
        let current = self.current.load_full();
        let mut snapshot = wide.finish(&current, commit.revision)?;
        let keeps_states = self.watches.has_partial_subscriptions();
        let states = keeps_states.then(|| {
            Arc::new(CommitStates {
                before: current.entries.clone(),
                after: snapshot.entries.clone(),
            })
        });
        let forgotten = self.deleted.lock().forgets(commit.changes.len());
        if let Some(block) = wide.block(commit.revision, forgotten) {
            let into = (&mut snapshot.deletions, &mut snapshot.deletions_floor);
            self.deleted.lock().push_block(block, into);
        } else {
            for key in commit.deleted_keys() {
                snapshot.deletions.insert(key.clone(), commit.revision);
            }
            self.remember_deletions(&mut snapshot, commit, 0);
        }
        let counted = self.quotas.is_some().then(|| Arc::clone(commit));
        Some(NextSnapshot {
            snapshot,
            delivered: vec![Arc::clone(commit)],
            changed: vec![CommitEffects {
                commit: Arc::clone(commit),
                effects: Arc::clone(&wide.effects),
                states,
            }],
            sifted: Vec::new(),
            counted: counted.into_iter().collect(),
        })
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
        let mut wide = PreparedDeletion::new(&current, commit)?;
        wide.renewed = self.renewals.one_each(wide.keys().iter());
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
mod tests {
    use super::*;
    use crate::model::{Cause, Deadline, Entry, Key, Record, Revision};
    use crate::space::timers::Timed;

    fn entry(revision: u64, record: Record) -> Arc<Entry> {
        let modified = Revision::new(revision, 0);
        Arc::new(Entry { record, modified })
    }

    fn commit(key: Key, now: Arc<Entry>) -> Arc<Commit> {
        let revision = now.modified.main;
        let now = Some(now);
        let before = None;
        Arc::new(Commit {
            revision,
            cause: Cause::Set,
            subject: None,
            changes: vec![Change { key, now, before }],
        })
    }

    /// A write of an entry that ends at once.
    fn ends_at_once(revision: u64) -> Arc<Commit> {
        let mut record = Record::default();
        record.attrs.deadline = Some(Deadline {
            at_ms: 0,
            ttl_ms: 0,
        });
        commit(Key::user(revision.to_string()), entry(revision, record))
    }

    /// Or else it never ends: expiry finds nothing to end, and its timer is gone.
    #[tokio::test]
    async fn no_entry_is_due_before_the_view_contains_it() {
        const WRITES: u64 = 20_000;
        let applier = Applier::new(None);
        applier.load(&StoreContents::default());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for revision in 1..=WRITES {
                    applier.deliver(vec![ends_at_once(revision)]);
                }
            });
            let mut ended = 0;
            while ended < WRITES {
                let (due, _) = applier.timers.take_due(usize::MAX);
                let current = applier.current();
                for item in due {
                    let Timed::Entry(key) = item else { continue };
                    assert!(current.entries.contains_key(&key), "{key} is not there");
                    ended += 1;
                }
            }
        });
    }

    #[tokio::test]
    async fn what_is_prepared_is_shown_when_it_is_delivered_and_not_before() {
        let write = |revision: u64| {
            let key = Key::user(revision.to_string());
            commit(key, entry(revision, Record::default()))
        };
        let applier = Applier::new(None);
        applier.load(&StoreContents::default());
        let shown = || (applier.current().revision, applier.current().entries.len());
        let past = || applier.history.count_from(1);
        for revision in [1, 3, 5] {
            let commits = [write(revision), write(revision + 1)];
            let before = shown();
            applier.prepare(&commits);
            assert_eq!((shown(), past()), (before, before.1), "nobody sees it yet");
            applier.deliver(commits.to_vec());
            let last = usize::try_from(revision).unwrap() + 1;
            assert_eq!((shown(), past()), ((revision + 1, last), last));
        }
        // What was prepared for other commits is not shown.
        applier.prepare(&[write(7)]);
        applier.deliver(vec![write(8)]);
        assert!(!applier.current().entries.contains_key(&Key::user("7")));
    }

    #[tokio::test]
    async fn commits_delivered_while_a_store_is_opened_are_kept() {
        let key = Key::user("k");
        let at = |revision| entry(revision, Record::default());
        let write = |revision| commit(key.clone(), at(revision));
        let applier = Applier::new(None);
        applier.deliver(vec![write(4), write(5)]);
        applier.load(&StoreContents {
            revision: 4,
            entries: vec![(key.clone(), at(4))],
            history: vec![write(3), write(4)],
            history_floor: 2,
            ..StoreContents::default()
        });
        applier.deliver(vec![write(6)]);
        let shown = applier
            .current()
            .entries
            .get(&key)
            .map(|entry| entry.index());
        assert_eq!(shown, Some(6));
        let mut delivered = Vec::new();
        let all = applier.history.find(3, |commit| {
            delivered.push(commit.revision);
            None::<()>
        });
        assert_eq!((all, delivered), (Ok(None), vec![3, 4, 5, 6]));
    }
}

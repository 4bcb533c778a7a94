//! The stream of commits, taken in: view, history, timers and watchers move on together.

use std::collections::VecDeque;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::freshness::Freshness;
use super::history::History;
use super::snapshot::Snapshot;
use super::timers::Timers;
use super::watches::Hub;
use crate::model::{Change, Commit, Key};
use crate::store::{CommitSink, RetentionFloors, StoreContents};

/// Deletions remembered; past this the older half is forgotten and the floor rises.
const MAX_DELETIONS: usize = 1 << 17;

/// Everything in memory that follows the store.
#[derive(Debug)]
pub(crate) struct Applier {
    current: ArcSwap<Snapshot>,
    pub(crate) history: History,
    pub(crate) hub: Arc<Hub>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) timers: Timers,
    /// The deletions in the view, oldest first; some may have been overtaken by a new entry.
    deleted: Mutex<VecDeque<(u64, Key)>>,
    /// What was delivered before there was anything to add it to; `None` once there is. A store that others write to
    /// goes on while it is opened.
    early: Mutex<Option<Vec<Arc<Commit>>>>,
}

impl Applier {
    pub(crate) fn new() -> Self {
        Self {
            current: ArcSwap::default(),
            history: History::default(),
            hub: Arc::default(),
            freshness: Arc::default(),
            timers: Timers::start(),
            deleted: Mutex::default(),
            early: Mutex::new(Some(Vec::new())),
        }
    }

    /// Begins with what a store held.
    pub(crate) fn load(&self, opened: &StoreContents) {
        let snapshot = Snapshot::load(opened);
        let mut deleted: Vec<_> = opened
            .deletions
            .iter()
            .map(|(key, at)| (*at, key.clone()))
            .collect();
        deleted.sort_unstable();
        *self.deleted.lock() = deleted.into();
        self.history.load(&opened.history, opened.history_floor);
        self.timers.load(&opened.entries);
        self.current.store(Arc::new(snapshot));
        let mut early = self.early.lock();
        let mut waited = early.take().unwrap_or_default();
        waited.retain(|commit| commit.revision > opened.revision);
        // Under the lock: what is delivered now comes after it.
        self.take(waited);
        drop(early);
    }

    /// The keyspace as it stands.
    pub(crate) fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// What of the past is still wanted.
    pub(crate) fn keep(&self) -> RetentionFloors {
        RetentionFloors {
            history_floor: self.history.floor(),
            deletions_floor: self.current.load().deletions_floor,
        }
    }

    /// Remembers what a commit deleted and forgets the oldest where that grows too much.
    fn bury(&self, snapshot: &mut Snapshot, commit: &Commit) {
        let mut deleted = self.deleted.lock();
        let gone = commit.changes.iter().filter(|change| change.now.is_none());
        deleted.extend(gone.map(|change| (commit.revision, change.key.clone())));
        if deleted.len() <= MAX_DELETIONS {
            return;
        }
        while deleted.len() > MAX_DELETIONS / 2
            && let Some((revision, key)) = deleted.pop_front()
        {
            if snapshot.deletions.get(&key) == Some(&revision) {
                snapshot.deletions.remove(&key);
            }
            snapshot.deletions_floor = revision;
        }
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

impl Applier {
    fn take(&self, commits: Vec<Arc<Commit>>) {
        let mut snapshot = Snapshot::clone(&self.current.load());
        let mut told = Vec::with_capacity(commits.len());
        for commit in commits {
            let commit = with_before(&snapshot, commit);
            snapshot.apply(&commit);
            self.bury(&mut snapshot, &commit);
            told.push(commit);
        }
        // What is kept is stale before the view says so (see `Fresh`). History first: whoever sees a revision in the
        // view finds its commit. Timers before the view, so that nothing refreshed is ended; but nothing is due before
        // the view shows it. The view before the watchers: whoever is woken reads at least what woke it. All before the
        // store answers: an answer is never ahead of its event.
        self.freshness.pass(&told);
        self.history.push(&told);
        let following = self.timers.follow(&told);
        self.current.store(Arc::new(snapshot));
        drop(following);
        for commit in &told {
            self.hub.deliver(commit);
        }
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

    fn lose(&self, revision: u64) {
        self.history.lose(revision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Deadline, Entry, Record, Revision};
    use crate::space::timers::Item;

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

    /// Or else it never ends: whoever looks for it finds nothing, and is not told again.
    #[tokio::test]
    async fn nothing_is_due_before_it_is_in_the_view() {
        const WRITES: u64 = 20_000;
        let line = Applier::new();
        line.load(&StoreContents::default());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for revision in 1..=WRITES {
                    line.deliver(vec![ends_at_once(revision)]);
                }
            });
            let mut ended = 0;
            while ended < WRITES {
                let (due, _) = line.timers.take_due();
                let current = line.current();
                for item in due {
                    let Item::Entry(key) = item else { continue };
                    assert!(current.entries.contains_key(&key), "{key} is not there");
                    ended += 1;
                }
            }
        });
    }

    #[tokio::test]
    async fn what_is_delivered_while_a_store_is_opened_is_not_lost() {
        let key = Key::user("k");
        let at = |revision| entry(revision, Record::default());
        let write = |revision| commit(key.clone(), at(revision));
        let line = Applier::new();
        line.deliver(vec![write(4), write(5)]);
        line.load(&StoreContents {
            revision: 4,
            entries: vec![(key.clone(), at(4))],
            history: vec![write(3), write(4)],
            history_floor: 2,
            ..StoreContents::default()
        });
        line.deliver(vec![write(6)]);
        let shown = line.current().entries.get(&key).map(|entry| entry.index());
        assert_eq!(shown, Some(6));
        let mut told = Vec::new();
        let all = line.history.find(3, |commit| {
            told.push(commit.revision);
            None::<()>
        });
        assert_eq!((all, told), (Ok(None), vec![3, 4, 5, 6]));
    }
}

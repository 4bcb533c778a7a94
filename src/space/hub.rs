//! Telling watchers what concerns them, and nobody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::admit::Sight;
use crate::model::{Commit, Key, KeyRange, Realm};

/// How many commits may wait for one watcher before it loses its watch.
const QUEUE: usize = 1_024;

/// Every watcher, by what it watches.
///
/// A commit costs a look-up per key and per length of prefix that anyone watches, whatever the number of watchers.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    watchers: Mutex<Watchers>,
    last_id: AtomicU64,
}

#[derive(Debug, Default)]
struct Watchers {
    exact: BTreeMap<(Key, u64), Arc<Slot>>,
    prefix: BTreeMap<(Key, u64), Arc<Slot>>,
    /// How many watch a prefix of each length.
    lengths: BTreeMap<usize, usize>,
    count: usize,
}

#[derive(Debug)]
struct Slot {
    sight: Sight,
    inbox: Mutex<Inbox>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Inbox {
    commits: VecDeque<Arc<Commit>>,
    /// The last commit put in: one that concerns a watcher twice is given once.
    last: u64,
    /// Set once for good when the queue was full: the first revision that was not put in.
    lost: Option<u64>,
}

/// The watcher was too slow: commits from this main revision on were not kept for it. It may resume there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too slow: changes from index {0} on were dropped")]
pub struct Lagged(pub u64);

/// A watch on some ranges: every commit that touches one of them, in order, each once, from the moment it was made.
///
/// Dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    hub: Arc<Hub>,
    slot: Arc<Slot>,
    id: u64,
    ranges: Vec<KeyRange>,
}

impl Hub {
    /// Begins to watch.
    pub(crate) fn watch(self: &Arc<Self>, ranges: Vec<KeyRange>, sight: Sight) -> Watch {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed);
        let slot = Arc::new(Slot {
            sight,
            inbox: Mutex::default(),
            filled: Notify::new(),
        });
        let mut watchers = self.watchers.lock();
        for range in &ranges {
            match range {
                KeyRange::Exact(key) => {
                    watchers.exact.insert((key.clone(), id), Arc::clone(&slot));
                }
                KeyRange::Prefix(prefix) => {
                    let place = (prefix.clone(), id);
                    if watchers.prefix.insert(place, Arc::clone(&slot)).is_none() {
                        *watchers.lengths.entry(prefix.as_bytes().len()).or_default() += 1;
                    }
                }
            }
        }
        watchers.count += 1;
        drop(watchers);
        Watch {
            hub: Arc::clone(self),
            slot,
            id,
            ranges,
        }
    }

    /// Hands a commit to those it concerns.
    pub(crate) fn deliver(&self, commit: &Arc<Commit>) {
        let watchers = self.watchers.lock();
        if watchers.count == 0 {
            return;
        }
        for change in &commit.changes {
            give(&watchers.exact, &change.key, &change.key, commit);
            for length in watchers.lengths.keys() {
                let Some(start) = change.key.as_bytes().get(..*length) else {
                    break;
                };
                give(
                    &watchers.prefix,
                    &Key::new(change.key.realm(), start),
                    &change.key,
                    commit,
                );
            }
        }
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        self.watchers.lock().count
    }

    fn forget(&self, id: u64, ranges: &[KeyRange]) {
        let mut watchers = self.watchers.lock();
        for range in ranges {
            match range {
                KeyRange::Exact(key) => {
                    watchers.exact.remove(&(key.clone(), id));
                }
                KeyRange::Prefix(prefix) => {
                    if watchers.prefix.remove(&(prefix.clone(), id)).is_some() {
                        watchers.shorten(prefix.as_bytes().len());
                    }
                }
            }
        }
        watchers.count = watchers.count.saturating_sub(1);
    }
}

impl Watchers {
    fn shorten(&mut self, length: usize) {
        if let Some(count) = self.lengths.get_mut(&length) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.lengths.remove(&length);
            }
        }
    }
}

fn give(slots: &BTreeMap<(Key, u64), Arc<Slot>>, key: &Key, changed: &Key, commit: &Arc<Commit>) {
    let all = (key.clone(), 0)..=(key.clone(), u64::MAX);
    for (_, slot) in slots.range(all) {
        // The key that changed, not the prefix that is watched.
        if slot.sight.sees(changed) {
            slot.put(commit);
        }
    }
}

impl Slot {
    fn put(&self, commit: &Arc<Commit>) {
        let mut inbox = self.inbox.lock();
        if inbox.lost.is_some() || inbox.last == commit.revision {
            return;
        }
        inbox.last = commit.revision;
        if inbox.commits.len() < QUEUE {
            inbox.commits.push_back(Arc::clone(commit));
        } else {
            inbox.lost = Some(commit.revision);
        }
        drop(inbox);
        self.filled.notify_one();
    }

    fn take(&self) -> Option<Result<Arc<Commit>, Lagged>> {
        let mut inbox = self.inbox.lock();
        match inbox.commits.pop_front() {
            Some(commit) => Some(Ok(commit)),
            None => inbox.lost.map(|from| Err(Lagged(from))),
        }
    }
}

impl Watch {
    /// The next commit that concerns this watch. Safe to drop and call again.
    pub async fn next(&mut self) -> Result<Arc<Commit>, Lagged> {
        loop {
            if let Some(taken) = self.slot.take() {
                return taken;
            }
            self.slot.filled.notified().await;
        }
    }

    /// The next commit, if one has arrived.
    pub fn try_next(&mut self) -> Option<Result<Arc<Commit>, Lagged>> {
        self.slot.take()
    }

    /// What is watched.
    pub fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.forget(self.id, &self.ranges);
    }
}

/// Ranges for a tree node: its own keys, and with `recursive` all beneath it. The root is the empty path.
pub fn node_ranges(path: &str, recursive: bool) -> Vec<KeyRange> {
    if path.is_empty() {
        return if recursive {
            vec![KeyRange::Prefix(Key::new(Realm::User, ""))]
        } else {
            Vec::new()
        };
    }
    let beneath = Key::user(format!("{path}/"));
    let within = if recursive {
        KeyRange::Prefix(beneath)
    } else {
        KeyRange::Exact(beneath)
    };
    vec![KeyRange::Exact(Key::user(path)), within]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change};

    fn commit(revision: u64, keys: &[&str]) -> Arc<Commit> {
        let changes = keys
            .iter()
            .map(|key| Change {
                key: Key::user(key),
                now: None,
                before: None,
            })
            .collect();
        Arc::new(Commit {
            revision,
            cause: Cause::Delete,
            subject: None,
            changes,
        })
    }

    fn revisions(watch: &mut Watch) -> Vec<u64> {
        std::iter::from_fn(|| watch.try_next())
            .map(|next| next.unwrap().revision)
            .collect()
    }

    #[test]
    fn a_commit_reaches_those_it_concerns_once() {
        let hub = Arc::new(Hub::default());
        let mut tree = hub.watch(node_ranges("a/b", true), Sight::All);
        let mut node = hub.watch(node_ranges("a/b", false), Sight::All);
        let mut all = hub.watch(node_ranges("", true), Sight::All);
        let mut other = hub.watch(vec![KeyRange::Prefix(Key::user("a/bc"))], Sight::All);
        hub.deliver(&commit(1, &["a/b/c", "a/b/d"]));
        hub.deliver(&commit(2, &["a/b/"]));
        hub.deliver(&commit(3, &["a/bc"]));
        assert_eq!(revisions(&mut tree), [1, 2]);
        assert_eq!(revisions(&mut node), [2]);
        assert_eq!(revisions(&mut all), [1, 2, 3]);
        assert_eq!(revisions(&mut other), [3]);
    }

    #[test]
    fn a_watch_that_ended_leaves_nothing_behind() {
        let hub = Arc::new(Hub::default());
        drop(hub.watch(node_ranges("a", true), Sight::All));
        let watchers = hub.watchers.lock();
        assert_eq!(watchers.count, 0);
        assert!(
            watchers.exact.is_empty() && watchers.prefix.is_empty() && watchers.lengths.is_empty()
        );
    }

    #[test]
    fn a_slow_watcher_learns_where_to_resume() {
        let hub = Arc::new(Hub::default());
        let mut watch = hub.watch(node_ranges("a", false), Sight::All);
        for revision in 1..=2_000 {
            hub.deliver(&commit(revision, &["a"]));
        }
        let mut last = 0;
        let lost = loop {
            match watch.try_next().unwrap() {
                Ok(commit) => last = commit.revision,
                Err(Lagged(from)) => break from,
            }
        };
        assert_eq!(lost, last + 1);
    }
}

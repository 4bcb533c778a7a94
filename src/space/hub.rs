//! Telling watchers what concerns them, and nobody else.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::admit::Visibility;
use super::registry::Registry;
use crate::model::{Commit, Key, KeyRange, Realm};

/// How many commits may wait for one watcher before it loses its watch.
const QUEUE: usize = 1_024;

/// Every watcher, by what it watches.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    watchers: Mutex<Registry<Slot>>,
}

#[derive(Debug)]
struct Slot {
    sight: Visibility,
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
    pub(crate) fn watch(self: &Arc<Self>, ranges: Vec<KeyRange>, sight: Visibility) -> Watch {
        let slot = Arc::new(Slot {
            sight,
            inbox: Mutex::default(),
            filled: Notify::new(),
        });
        let id = self.watchers.lock().add(&ranges, &slot);
        Watch {
            hub: Arc::clone(self),
            slot,
            id,
            ranges,
        }
    }

    /// Hands a commit to those it concerns.
    pub(crate) fn deliver(&self, commit: &Arc<Commit>) {
        self.watchers.lock().concerned(commit, |slot, key| {
            // The key that changed, not the prefix that is watched.
            if slot.sight.sees(key) {
                slot.put(commit);
            }
        });
    }

    /// How many watch.
    pub(crate) fn count(&self) -> usize {
        self.watchers.lock().count()
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
        self.hub.watchers.lock().remove(self.id, &self.ranges);
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
        let mut tree = hub.watch(node_ranges("a/b", true), Visibility::All);
        let mut node = hub.watch(node_ranges("a/b", false), Visibility::All);
        let mut all = hub.watch(node_ranges("", true), Visibility::All);
        let mut other = hub.watch(vec![KeyRange::Prefix(Key::user("a/bc"))], Visibility::All);
        hub.deliver(&commit(1, &["a/b/c", "a/b/d"]));
        hub.deliver(&commit(2, &["a/b/"]));
        hub.deliver(&commit(3, &["a/bc"]));
        assert_eq!(revisions(&mut tree), [1, 2]);
        assert_eq!(revisions(&mut node), [2]);
        assert_eq!(revisions(&mut all), [1, 2, 3]);
        assert_eq!(revisions(&mut other), [3]);
    }

    #[test]
    fn a_slow_watcher_learns_where_to_resume() {
        let hub = Arc::new(Hub::default());
        let mut watch = hub.watch(node_ranges("a", false), Visibility::All);
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

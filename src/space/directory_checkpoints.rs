//! Directory checkpoints: which counts of directories a store is handed, and when.

use std::collections::HashSet;
use std::sync::Arc;

use super::directories::{is_made_anew, node_of, parent};
use super::history::History;
use super::snapshot::Snapshot;
use crate::model::{Change, Commit};
use crate::store::{DirectoryChanges, DirectoryRecord};

/// How many commits there are at least between two checkpoints.
const MIN_COMMITS: usize = 500;
/// A checkpoint is whole where so many directories were handed over since the last whole one, besides twice as many as
/// there are.
const SLACK: usize = 16_384;

/// What a store has of the directories.
#[derive(Debug, Default)]
pub(crate) struct DirectoryCheckpoints {
    /// The last commit counted in what the store has.
    saved: u64,
    /// How many directories it was handed since it was handed all; `None` before that.
    appended: Option<usize>,
}

impl DirectoryCheckpoints {
    /// Begins with what a store had when it was opened. The next checkpoint is whole.
    pub(crate) fn new(saved: u64) -> Self {
        let appended = None;
        Self { saved, appended }
    }

    /// The last commit counted in what the store has: history up to it may be dropped.
    pub(crate) fn saved(&self) -> u64 {
        self.saved
    }

    /// The next checkpoint, when it is time: before half of the history that is kept is in none. The snapshot was taken
    /// before.
    pub(crate) fn next(
        &mut self,
        snapshot: &Snapshot,
        history: &History,
    ) -> Option<DirectoryChanges> {
        let kept = history.count_from(history.floor().saturating_add(1));
        let since = history.count_from(self.saved.saturating_add(1));
        if since < (kept / 2).max(MIN_COMMITS) || snapshot.revision <= self.saved {
            return None;
        }
        let all = snapshot.directories.len();
        let appended = self
            .appended
            .filter(|appended| *appended <= 2 * all + SLACK);
        // With more of them a checkpoint that is whole is shorter: a wide deletion names each node that is gone.
        let most = 2 * all + SLACK;
        let changes = appended.and_then(|_| self.changes(snapshot, history, most));
        let (whole, directories) = if let Some(changes) = changes {
            self.appended = appended.map(|appended| appended + changes.len());
            (false, changes)
        } else {
            self.appended = Some(0);
            let paths = snapshot.directories.keys();
            (true, paths.map(|path| record(snapshot, path)).collect())
        };
        self.saved = snapshot.revision;
        Some(DirectoryChanges {
            revision: snapshot.revision,
            whole,
            directories,
        })
    }

    /// The directories that commits since the last checkpoint may have changed; `None` where some of those are gone, or where
    /// there are more than so many.
    fn changes(
        &self,
        snapshot: &Snapshot,
        history: &History,
        most: usize,
    ) -> Option<Vec<(Arc<str>, Option<DirectoryRecord>)>> {
        let mut paths = HashSet::new();
        let found = history.find(self.saved.saturating_add(1), |commit| {
            if commit.revision > snapshot.revision {
                return Some(());
            }
            add_paths(&mut paths, commit, self.saved, most);
            (paths.len() > most).then_some(())
        });
        found.ok()?;
        if paths.len() > most {
            return None;
        }
        let paths = paths.into_iter();
        Some(paths.map(|path| record(snapshot, &path)).collect())
    }
}

/// Adds the nodes whose counts a commit changed, until there are more than so many: those above the ones that came or went, and of
/// the latter those that the last checkpoint, of the revision `saved`, may have. It has none that came later, and most of these never
/// have children.
fn add_paths(paths: &mut HashSet<Arc<str>>, commit: &Commit, saved: u64, most: usize) {
    let counts =
        |change: &&Change| change.before.is_some() != change.now.is_some() || is_made_anew(change);
    for change in commit.changes.iter().filter(counts) {
        let Some(node) = node_of(&change.key) else {
            continue;
        };
        if paths.len() > most {
            return;
        }
        // A node without an entry of its own is there for what is beneath it, and named when that goes. One that is made anew may have
        // an older entry under its other key.
        let before = change.before.as_ref();
        let may_be_saved =
            is_made_anew(change) || before.is_some_and(|before| before.created() <= saved);
        let mut path = if may_be_saved { node } else { parent(node) };
        while !paths.contains(path) {
            paths.insert(path.into());
            path = parent(path);
        }
    }
}

fn record(snapshot: &Snapshot, path: &str) -> (Arc<str>, Option<DirectoryRecord>) {
    let own = snapshot.directories.get_key_value(path);
    let Some((path, directory)) = own else {
        return (path.into(), None);
    };
    let record = DirectoryRecord {
        path: Arc::clone(path),
        ever: directory.ever,
        changed: directory.changed,
    };
    (Arc::clone(path), Some(record))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Cause, Entry, Key, Record, Revision};

    /// A keyspace, and what a store was handed of its directories.
    #[derive(Default)]
    struct Fixture {
        snapshot: Snapshot,
        history: History,
        checkpoints: DirectoryCheckpoints,
        stored: BTreeMap<Arc<str>, (u64, u64)>,
    }

    impl Fixture {
        /// Writes or deletes each of these, or deletes and creates it in one commit.
        fn change(&mut self, writes: BTreeMap<Key, Option<Made>>) {
            let revision = self.snapshot.revision + 1;
            let change = |(key, made): (Key, Option<Made>)| {
                let before = self.snapshot.entries.get(&key).cloned();
                let now = made.map(|made| {
                    let stays = before.as_deref().filter(|_| made == Made::Written);
                    let record = Record::successor(stays, 0);
                    let modified = Revision::new(revision, 0);
                    Arc::new(Entry { record, modified })
                });
                (before.is_some() || now.is_some()).then_some(Change { key, now, before })
            };
            let commit = Arc::new(Commit {
                revision,
                cause: Cause::Set,
                subject: None,
                changes: writes.into_iter().filter_map(change).collect(),
            });
            self.snapshot.apply(&commit);
            self.history.push(&[commit]);
        }

        /// Makes a checkpoint of what changed; returns the paths that are in it.
        fn checkpoint(&mut self) -> Vec<Arc<str>> {
            let Self {
                snapshot,
                history,
                checkpoints,
                ..
            } = self;
            let changes = checkpoints.changes(snapshot, history, usize::MAX).unwrap();
            checkpoints.saved = snapshot.revision;
            let paths = changes.iter().map(|(path, _)| Arc::clone(path)).collect();
            for (path, record) in changes {
                match record {
                    Some(record) => self.stored.insert(path, (record.ever, record.changed)),
                    None => self.stored.remove(&path),
                };
            }
            paths
        }

        fn all(&self) -> BTreeMap<Arc<str>, (u64, u64)> {
            let all = self.snapshot.directories.iter();
            all.map(|(path, own)| (Arc::clone(path), (own.ever, own.changed)))
                .collect()
        }
    }

    /// How an entry is put.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Made {
        Written,
        Anew,
    }

    #[test]
    fn a_store_has_the_directories_of_every_checkpoint() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..1_000 {
            let mut fixture = Fixture::default();
            for _ in 0..60 {
                let mut writes = BTreeMap::new();
                for _ in 0..random.usize(1..3) {
                    let depth = random.usize(1..4);
                    let names = (0..depth).map(|_| if random.bool() { "a" } else { "b" });
                    let names: Vec<_> = names.collect();
                    let slash = if random.bool() { "/" } else { "" };
                    let key = names.join("/") + slash;
                    let made = match random.u8(0..5) {
                        0 | 1 => None,
                        2 => Some(Made::Anew),
                        _ => Some(Made::Written),
                    };
                    writes.insert(Key::user(key), made);
                }
                fixture.change(writes);
                if random.u8(0..4) == 0 {
                    let paths = fixture.checkpoint();
                    assert_eq!(fixture.stored, fixture.all(), "{paths:?}");
                }
            }
        }
    }

    /// Its counts are forgotten, though it had them before the entry that is made anew.
    #[test]
    fn a_node_of_two_keys_that_is_made_anew_loses_its_counts() {
        let mut fixture = Fixture::default();
        let write = |key: &str, made| BTreeMap::from([(Key::user(key), made)]);
        fixture.change(write("a/", Some(Made::Written)));
        fixture.change(write("a/b", Some(Made::Written)));
        fixture.change(write("a/b", None));
        fixture.checkpoint();
        assert_eq!(fixture.stored.get("a"), Some(&(1, 3)));
        fixture.change(write("a", Some(Made::Written)));
        fixture.change(write("a", Some(Made::Anew)));
        fixture.checkpoint();
        assert_eq!(fixture.stored.get("a"), None);
        assert_eq!(fixture.stored, fixture.all());
    }

    #[test]
    fn a_checkpoint_names_no_node_that_came_since_the_last_one_and_has_no_children() {
        let mut fixture = Fixture::default();
        let write = |key: &str, made| BTreeMap::from([(Key::user(key), made)]);
        fixture.change(write("queue", Some(Made::Written)));
        fixture.change(write("queue/old", Some(Made::Written)));
        fixture.checkpoint();
        for number in 0..100 {
            let child = format!("queue/{number}");
            fixture.change(write(&child, Some(Made::Written)));
            if number % 2 == 0 {
                fixture.change(write(&child, None));
            }
        }
        fixture.change(write("queue/old", None));
        let mut paths = fixture.checkpoint();
        paths.sort();
        // Whether the one that went had children before, nothing tells.
        assert_eq!(paths, ["", "queue", "queue/old"].map(Arc::from));
        assert_eq!(fixture.stored, fixture.all());
    }
}

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
            add_paths(&mut paths, commit, most);
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

/// Adds the nodes that came or went with a commit, and those above them, until there are more than so many.
fn add_paths(paths: &mut HashSet<Arc<str>>, commit: &Commit, most: usize) {
    let counts =
        |change: &&Change| change.before.is_some() != change.now.is_some() || is_made_anew(change);
    for change in commit.changes.iter().filter(counts) {
        let Some(mut path) = node_of(&change.key) else {
            continue;
        };
        if paths.len() > most {
            return;
        }
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

//! Commits as a sieve changes them: without the values of entries that it holds back.

use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdSet;
use imbl::ordset::DiffItem;

use crate::model::{Change, Commit, Entry, Key};

/// What is held back since a commit, or no more, though it was not changed: what was made from it is stale.
pub(super) fn held_back_anew(
    commit: &Commit,
    before: &OrdSet<Key>,
    now: &OrdSet<Key>,
) -> Option<Arc<Commit>> {
    let changes = before.diff(now).map(|own| match own {
        DiffItem::Add(key) | DiffItem::Remove(key) => Change {
            key: key.clone(),
            now: None,
            before: None,
        },
    });
    let changes: Vec<_> = changes.collect();
    (!changes.is_empty()).then(|| {
        Arc::new(Commit {
            revision: commit.revision,
            cause: commit.cause,
            subject: None,
            changes,
        })
    })
}

/// The commit as the past and watches know it: of what a sieve holds back, the value is empty.
pub(super) fn without_held_back(
    commit: Arc<Commit>,
    before: &OrdSet<Key>,
    now: &OrdSet<Key>,
) -> Arc<Commit> {
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

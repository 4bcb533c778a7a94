//! What must have happened between two loads.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{Cause, Change, Commit, Entry, Key};

/// The commits that lead from what was known at a revision to what there is at another. What came and went between
/// is lost, and so is why.
pub(in crate::store::shared) fn commits(
    known: &HashMap<Key, Arc<Entry>>,
    known_at: u64,
    there: &HashMap<Key, Arc<Entry>>,
    there_at: u64,
) -> Vec<Arc<Commit>> {
    let mut by_revision: BTreeMap<u64, Vec<Change>> = BTreeMap::new();
    for (key, entry) in there {
        let before = known.get(key);
        if before.is_none_or(|before| before.modified != entry.modified) {
            let change = Change {
                key: key.clone(),
                now: Some(Arc::clone(entry)),
                before: before.cloned(),
            };
            by_revision.entry(entry.index()).or_default().push(change);
        }
    }
    // Each deletion took a revision of its own, which no entry bears: a client that is told one of two deletions at
    // one revision would resume after both.
    let mut free = there_at;
    let mut gone: Vec<_> = known
        .iter()
        .filter(|(key, _)| !there.contains_key(*key))
        .collect();
    gone.sort_unstable_by(|one, other| other.0.cmp(one.0));
    for (key, before) in gone {
        while free > known_at + 1 && by_revision.contains_key(&free) {
            free -= 1;
        }
        let change = Change {
            key: key.clone(),
            now: None,
            before: Some(Arc::clone(before)),
        };
        by_revision.entry(free).or_default().push(change);
    }
    let commit = |(revision, mut changes): (u64, Vec<Change>)| {
        changes.sort_unstable_by_key(|change| change.now.as_ref().map(|entry| entry.modified.sub));
        let deleted = changes.iter().all(|change| change.now.is_none());
        Arc::new(Commit {
            revision,
            cause: if deleted { Cause::Delete } else { Cause::Set },
            subject: None,
            changes,
        })
    };
    by_revision.into_iter().map(commit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Record, Revision};

    fn at(keys: &[(&str, u64)]) -> HashMap<Key, Arc<Entry>> {
        let entry = |&(key, main): &(&str, u64)| {
            let entry = Entry {
                record: Record::default(),
                modified: Revision::new(main, 0),
            };
            (Key::user(key), Arc::new(entry))
        };
        keys.iter().map(entry).collect()
    }

    fn seen(commits: &[Arc<Commit>]) -> Vec<(u64, String)> {
        let one = |commit: &Arc<Commit>| {
            let change = &commit.changes[0];
            let sign = if change.now.is_some() { '+' } else { '-' };
            (commit.revision, format!("{sign}{}", change.key))
        };
        commits.iter().map(one).collect()
    }

    #[test]
    fn each_deletion_has_a_revision_of_its_own() {
        let known = at(&[("a", 1), ("b", 2), ("c", 3)]);
        let there = at(&[("c", 9), ("d", 7)]);
        let commits = commits(&known, 5, &there, 9);
        let text = |text: &str| text.to_owned();
        assert_eq!(
            seen(&commits),
            [
                (6, text("-a")),
                (7, text("+d")),
                (8, text("-b")),
                (9, text("+c"))
            ]
        );
    }

    #[test]
    fn what_is_as_it_was_is_not_told() {
        let known = at(&[("a", 1)]);
        assert!(commits(&known, 1, &at(&[("a", 1)]), 40).is_empty());
    }
}

//! Relists: the relation of a full list to the cached state, and the commits that lead from one to the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{Cause, Change, Commit, Entry, Key};
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::LogContents;
use crate::store::shared::watch_cache::status::CacheStatus;

/// The relation of a full list to the cached state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relist {
    /// The first list.
    First,
    /// A later state of the same log.
    Continues,
    /// An earlier state of the same log, or one whose indexes were raised: the cache starts over.
    WentBack,
    /// Another log instead of the cached one. It may be ahead by now, but its entries are not as new as those that
    /// clients have seen.
    Replaced,
}

impl Relist {
    /// Classifies a list of this incarnation, against a state that came from the incarnation `cached`.
    pub(super) fn classify(
        status: &CacheStatus,
        cached: u64,
        list: &LogContents,
        incarnation: u64,
    ) -> Self {
        if !status.loaded {
            return Self::First;
        }
        let listed = list.leader.as_ref();
        let fell = listed.is_some_and(|(_, revision)| Some(*revision) < status.leader_revision);
        if incarnation != cached || fell {
            return Self::Replaced;
        }
        let keyspace = |record: &LeaderRecord| (record.identity, record.offset);
        let was = status.last_leader.as_deref().map(keyspace);
        let is = listed.map(|(record, _)| keyspace(record));
        // Where the leader record was deleted and there is no new one, the entries may still be the same.
        let another = was.is_some() && is.is_some() && was != is;
        if another || list.revision < status.revision {
            Self::WentBack
        } else {
            Self::Continues
        }
    }
}

/// The commits that lead from the cached entries to the listed ones. What was written and deleted between the two is lost,
/// and so are the causes.
pub(super) fn commits_between(
    cached: &HashMap<Key, Arc<Entry>>,
    cached_at: u64,
    listed: &HashMap<Key, Arc<Entry>>,
    listed_at: u64,
) -> Vec<Arc<Commit>> {
    let mut by_revision: BTreeMap<u64, Vec<Change>> = BTreeMap::new();
    for (key, entry) in listed {
        let before = cached.get(key);
        if before.is_none_or(|before| before.modified != entry.modified) {
            let change = Change {
                key: key.clone(),
                now: Some(Arc::clone(entry)),
                before: before.cloned(),
            };
            by_revision.entry(entry.index()).or_default().push(change);
        }
    }
    // Each deletion gets a free revision of its own, which no entry has: a client that is sent one of two deletions of one
    // revision would resume after both.
    let mut free = listed_at;
    let mut deleted: Vec<_> = cached
        .iter()
        .filter(|(key, _)| !listed.contains_key(*key))
        .collect();
    deleted.sort_unstable_by(|one, other| other.0.cmp(one.0));
    for (key, before) in deleted {
        while free > cached_at + 1 && by_revision.contains_key(&free) {
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
        let all_deleted = changes.iter().all(|change| change.now.is_none());
        Arc::new(Commit {
            revision,
            cause: if all_deleted {
                Cause::Delete
            } else {
                Cause::Set
            },
            subject: None,
            changes,
        })
    };
    by_revision.into_iter().map(commit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

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

    fn summary(commits: &[Arc<Commit>]) -> Vec<(u64, String)> {
        let one = |commit: &Arc<Commit>| {
            let change = &commit.changes[0];
            let sign = if change.now.is_some() { '+' } else { '-' };
            (commit.revision, format!("{sign}{}", change.key))
        };
        commits.iter().map(one).collect()
    }

    #[test]
    fn each_deletion_gets_a_revision_of_its_own() {
        let cached = at(&[("a", 1), ("b", 2), ("c", 3)]);
        let listed = at(&[("c", 9), ("d", 7)]);
        let commits = commits_between(&cached, 5, &listed, 9);
        let text = |text: &str| text.to_owned();
        assert_eq!(
            summary(&commits),
            [
                (6, text("-a")),
                (7, text("+d")),
                (8, text("-b")),
                (9, text("+c"))
            ]
        );
    }

    #[test]
    fn unchanged_entry_yields_no_commit() {
        let cached = at(&[("a", 1)]);
        assert!(commits_between(&cached, 1, &at(&[("a", 1)]), 40).is_empty());
    }

    fn leader(identity: u64, offset: u64, revision: u64) -> (LeaderRecord, u64) {
        let record = LeaderRecord {
            identity,
            offset,
            ..LeaderRecord::default()
        };
        (record, revision)
    }

    fn list(revision: u64, leader: (LeaderRecord, u64)) -> LogContents {
        LogContents {
            revision,
            leader: Some(leader),
            ..LogContents::default()
        }
    }

    /// A cache at revision 20 whose leader record has identity 7, offset 0, revision 10.
    fn status() -> CacheStatus {
        let mut status = CacheStatus::new();
        (status.loaded, status.revision) = (true, 20);
        status.set_leader(Some(leader(7, 0, 10)), Instant::now());
        status
    }

    fn classify(list: &LogContents, incarnation: u64) -> Relist {
        Relist::classify(&status(), 0, list, incarnation)
    }

    #[test]
    fn later_list_of_the_same_log_continues() {
        assert_eq!(classify(&list(20, leader(7, 0, 10)), 0), Relist::Continues);
        assert_eq!(classify(&list(30, leader(7, 0, 25)), 0), Relist::Continues);
        let mut deleted = list(30, leader(7, 0, 25));
        deleted.leader = None;
        assert_eq!(classify(&deleted, 0), Relist::Continues);
    }

    #[test]
    fn list_that_fell_or_was_raised_starts_over() {
        assert_eq!(classify(&list(19, leader(7, 0, 10)), 0), Relist::WentBack);
        assert_eq!(classify(&list(30, leader(7, 5, 25)), 0), Relist::WentBack);
        assert_eq!(classify(&list(30, leader(8, 0, 25)), 0), Relist::WentBack);
    }

    #[test]
    fn older_leader_record_or_new_incarnation_is_a_replaced_log() {
        assert_eq!(classify(&list(30, leader(7, 0, 9)), 0), Relist::Replaced);
        assert_eq!(classify(&list(30, leader(7, 0, 25)), 1), Relist::Replaced);
        let first = CacheStatus::new();
        let list = list(30, leader(7, 0, 9));
        assert_eq!(Relist::classify(&first, 0, &list, 1), Relist::First);
    }
}

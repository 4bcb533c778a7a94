//! Which records may go: those that a later commit made obsolete, once that commit is below the history's floor.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::model::{Key, Revision};
use crate::store::Keep;

/// A change, as far as retention is concerned.
#[derive(Debug)]
pub(super) struct Happened<'a> {
    /// The key, or `None` for a commit without changes.
    pub(super) key: Option<&'a Key>,
    /// Where it stands on the line.
    pub(super) at: Revision,
    /// The revision of the entry it replaced.
    pub(super) before: Option<Revision>,
    /// Whether the key has an entry from here on.
    pub(super) put: bool,
}

/// Records to delete, and the floors that hold once they are gone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trim {
    /// The records.
    pub(super) remove: Vec<Revision>,
    /// As in [`crate::store::Opened::history_floor`].
    pub(super) history_floor: u64,
    /// As in [`crate::store::Opened::deletions_floor`].
    pub(super) deletions_floor: u64,
}

/// Keeps account of the records that are not live entries.
#[derive(Debug, Default)]
pub(super) struct Retention {
    history_floor: u64,
    deletions_floor: u64,
    wanted: Option<Keep>,
    /// The commits above the floor, oldest first, and the records that may go with each.
    commits: VecDeque<(u64, Vec<Revision>)>,
    /// The deletion record of every key that is gone, as far back as they are kept.
    gone: HashMap<Key, Revision>,
    gone_in_order: BTreeMap<Revision, Key>,
}

impl Retention {
    /// Starts at these floors.
    pub(super) fn new(history_floor: u64, deletions_floor: u64) -> Self {
        Self {
            history_floor,
            deletions_floor,
            ..Self::default()
        }
    }

    /// When keys that are gone were deleted.
    pub(super) fn deletions(&self) -> impl Iterator<Item = (&Key, u64)> {
        self.gone.iter().map(|(key, at)| (key, at.main))
    }

    /// The deletion record of a key that is gone.
    pub(super) fn deletion(&self, key: &Key) -> Option<Revision> {
        self.gone.get(key).copied()
    }

    /// Takes note of a change. Changes come in the order of revisions.
    pub(super) fn note(&mut self, happened: &Happened<'_>) {
        let mut obsolete: Vec<Revision> = happened.before.into_iter().collect();
        match happened.key {
            Some(key) => {
                if let Some(deleted) = self.gone.remove(key) {
                    self.gone_in_order.remove(&deleted);
                    obsolete.push(deleted);
                }
                if !happened.put {
                    self.gone.insert(key.clone(), happened.at);
                    self.gone_in_order.insert(happened.at, key.clone());
                }
            }
            None => obsolete.push(happened.at),
        }
        if happened.at.main <= self.history_floor {
            return;
        }
        match self.commits.back_mut() {
            Some((main, records)) if *main == happened.at.main => records.extend(obsolete),
            Some(_) | None => self.commits.push_back((happened.at.main, obsolete)),
        }
    }

    /// Says what is still wanted. Floors never go back.
    pub(super) fn want(&mut self, keep: Keep) {
        let wanted = self.wanted.get_or_insert(keep);
        wanted.history_floor = wanted.history_floor.max(keep.history_floor);
        wanted.deletions_floor = wanted.deletions_floor.max(keep.deletions_floor);
    }

    /// The next records to delete: whole commits until there are about `most` records. `None` when there is nothing
    /// to do.
    pub(super) fn next(&mut self, most: usize) -> Option<Trim> {
        let wanted = self.wanted?;
        let before = (self.history_floor, self.deletions_floor);
        let mut remove = Vec::new();
        // The newest commit stays: it holds the revision and the state of the store.
        while self.commits.len() > 1 && remove.len() < most {
            let Some((main, obsolete)) = self.commits.pop_front() else {
                break;
            };
            if main > wanted.history_floor {
                self.commits.push_front((main, obsolete));
                break;
            }
            self.history_floor = main;
            remove.extend(obsolete);
        }
        // A deletion is part of the history for as long as its commit is.
        let floor = wanted.deletions_floor.min(self.history_floor);
        while let Some(first) = self.gone_in_order.first_entry() {
            if first.key().main > floor {
                break;
            }
            let (deleted, key) = first.remove_entry();
            self.gone.remove(&key);
            self.deletions_floor = deleted.main;
            remove.push(deleted);
            if remove.len() >= most {
                return Some(self.trim(remove));
            }
        }
        self.deletions_floor = self.deletions_floor.max(floor);
        (before != (self.history_floor, self.deletions_floor)).then(|| self.trim(remove))
    }

    fn trim(&self, remove: Vec<Revision>) -> Trim {
        Trim {
            remove,
            history_floor: self.history_floor,
            deletions_floor: self.deletions_floor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(retention: &mut Retention, key: &str, at: u64, before: Option<u64>) {
        change(retention, key, at, before, true);
    }

    fn delete(retention: &mut Retention, key: &str, at: u64, before: u64) {
        change(retention, key, at, Some(before), false);
    }

    fn change(retention: &mut Retention, key: &str, at: u64, before: Option<u64>, put: bool) {
        retention.note(&Happened {
            key: Some(&Key::user(key)),
            at: Revision::new(at, 0),
            before: before.map(|main| Revision::new(main, 0)),
            put,
        });
    }

    fn keep(history_floor: u64, deletions_floor: u64) -> Keep {
        Keep {
            history_floor,
            deletions_floor,
        }
    }

    fn removed(trim: Option<Trim>) -> Vec<u64> {
        trim.map_or(Vec::new(), |trim| {
            trim.remove.iter().map(|at| at.main).collect()
        })
    }

    #[test]
    fn a_record_goes_once_the_commit_that_replaced_it_is_forgotten() {
        let mut retention = Retention::new(0, 0);
        put(&mut retention, "a", 1, None);
        put(&mut retention, "a", 2, Some(1));
        put(&mut retention, "a", 3, Some(2));
        put(&mut retention, "b", 4, None);
        assert_eq!(retention.next(100), None, "nobody asked");
        retention.want(keep(1, 0));
        assert_eq!(removed(retention.next(100)), Vec::<u64>::new());
        retention.want(keep(2, 0));
        assert_eq!(removed(retention.next(100)), [1]);
        retention.want(keep(3, 0));
        assert_eq!(removed(retention.next(100)), [2]);
        assert_eq!(retention.next(100), None, "done");
    }

    #[test]
    fn the_newest_commit_stays_whatever_is_asked() {
        let mut retention = Retention::new(0, 0);
        put(&mut retention, "a", 1, None);
        delete(&mut retention, "a", 2, 1);
        retention.want(keep(100, 100));
        let trim = retention.next(100).unwrap();
        assert_eq!((trim.history_floor, trim.deletions_floor), (1, 1));
        assert_eq!(trim.remove, Vec::new());
        put(&mut retention, "b", 3, None);
        let trim = retention.next(100).unwrap();
        assert_eq!((trim.history_floor, trim.deletions_floor), (2, 2));
        assert_eq!(removed(Some(trim)), [1, 2]);
    }

    #[test]
    fn deletions_outlive_the_history_but_not_a_new_entry() {
        let mut retention = Retention::new(0, 0);
        put(&mut retention, "a", 1, None);
        put(&mut retention, "b", 2, None);
        delete(&mut retention, "a", 3, 1);
        delete(&mut retention, "b", 4, 2);
        put(&mut retention, "a", 5, None);
        put(&mut retention, "c", 6, None);
        put(&mut retention, "c", 7, Some(6));
        retention.want(keep(6, 0));
        assert_eq!(removed(retention.next(100)), [1, 2, 3]);
        assert_eq!(
            retention.deletion(&Key::user("b")),
            Some(Revision::new(4, 0))
        );
        retention.want(keep(6, 4));
        assert_eq!(removed(retention.next(100)), [4]);
        assert_eq!(retention.deletions().count(), 0);
    }

    #[test]
    fn forgetting_goes_in_steps_of_whole_commits() {
        let mut retention = Retention::new(0, 0);
        put(&mut retention, "a", 1, None);
        for at in 2..=50 {
            put(&mut retention, "a", at, Some(at - 1));
        }
        retention.want(keep(50, 50));
        let mut steps = Vec::new();
        while let Some(trim) = retention.next(10) {
            assert!(trim.remove.len() <= 10);
            steps.extend(removed(Some(trim)));
        }
        assert_eq!(steps, (1..=48).collect::<Vec<_>>());
    }

    #[test]
    fn floors_never_go_back() {
        let mut retention = Retention::new(0, 0);
        for at in 1..=9 {
            put(&mut retention, "a", at, (at > 1).then(|| at - 1));
        }
        retention.want(keep(5, 5));
        assert_eq!(retention.next(100).unwrap().history_floor, 5);
        retention.want(keep(2, 2));
        assert_eq!(retention.next(100), None);
    }
}

//! `PreparedDeletion`: what a wide deletion makes of the keyspace, made while other commits are delivered.
//!
//! The commits that come between are of other keys, because the keys of the deletion are locked. So they can be applied to its
//! result as well as to what is shown. Only what becomes of the nodes of the tree could depend on the order: where a commit does
//! other things to nodes on the one than on the other, nothing is prepared after all.

use std::collections::HashSet;
use std::sync::Arc;

use super::deletions::{BLOCK, DeletedBlock};
use super::directories::{NodeEffect, NodeFate, is_made_anew, node_of, parent};
use super::history::History;
use super::snapshot::Snapshot;
use crate::model::{Commit, Key};

/// The most directories that stay and lose children: each is written down anew when the deletion has its revision.
const MOST_DIRECTORIES: usize = 1_024;

/// The most changes of a commit between that is applied to the result, too.
const MOST_CHANGES: usize = 1_024;

/// The commits that are taken from the history at a time.
const AT_ONCE: usize = 256;

/// A wide deletion, applied to the keyspace.
#[derive(Debug)]
pub(crate) struct PreparedDeletion {
    /// The keyspace without it, as of the last commit that was taken in.
    shown: Snapshot,
    /// The same with it.
    next: Snapshot,
    /// What it does to nodes.
    pub(crate) effects: Arc<[NodeEffect]>,
    /// The nodes that stay and lose children.
    directories: Vec<String>,
    /// Its keys, in order.
    keys: Arc<[Key]>,
    /// How much memory the commit takes.
    pub(crate) weight: usize,
    /// Whether it deletes entries that have a deadline.
    pub(crate) is_timed: bool,
    /// Keys of it beneath each directory in which equal writes are renewals.
    pub(crate) renewed: Vec<Key>,
}

impl PreparedDeletion {
    /// Applies a deletion that has no revision yet to what is shown. `None` where its delivery is to do all.
    pub(crate) fn new(shown: &Snapshot, commit: &Commit) -> Option<Self> {
        let mut keys: Vec<Key> = commit.deleted_keys().cloned().collect();
        if shown.is_sifted() || keys.len() != commit.changes.len() {
            return None;
        }
        // Most are in order: a directory of etcd v2 may come after what is in it.
        keys.sort();
        let mut next = shown.clone();
        let effects = next.apply_forgetting(commit, usize::MAX);
        next.revision = shown.revision;
        let directories = left_behind(commit, &effects)?;
        let is_timed = commit.changes.iter().any(|change| {
            let before = change.before.as_ref();
            before.is_some_and(|before| before.attrs().deadline.is_some())
        });
        Some(Self {
            shown: shown.clone(),
            next,
            effects: effects.into(),
            directories,
            keys: keys.into(),
            weight: commit.weight(),
            is_timed,
            renewed: Vec::new(),
        })
    }

    /// Its keys, in order.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Takes in the commits that were delivered since; says whether the result still holds.
    pub(crate) fn catch_up(&mut self, history: &History) -> bool {
        loop {
            let Ok(past) = history.slice(self.shown.revision.saturating_add(1), AT_ONCE) else {
                return false;
            };
            for commit in &past.commits {
                if commit.changes.len() > MOST_CHANGES || self.is_made_anew_by(commit) {
                    return false;
                }
                // Which deletions are remembered is of no interest here.
                let without = self.shown.apply_forgetting(commit, usize::MAX);
                let with = self.next.apply_forgetting(commit, usize::MAX);
                if without != with {
                    return false;
                }
            }
            if past.next.is_none() {
                return true;
            }
        }
    }

    /// Whether a commit makes a node anew that has lost children to the deletion: whether its counts go with that depends on
    /// which of the two comes first.
    fn is_made_anew_by(&self, commit: &Commit) -> bool {
        let anew = commit.changes.iter().filter(|change| is_made_anew(change));
        let mut nodes = anew.filter_map(|change| node_of(&change.key));
        nodes.any(|node| self.shown.directory(node) != self.next.directory(node))
    }

    /// The keyspace with the deletion, given the one that is shown, once it has its revision. `None` where that is another
    /// than was taken in.
    pub(crate) fn finish(&self, current: &Snapshot, revision: u64) -> Option<Snapshot> {
        (self.shown.revision == current.revision)
            .then(|| current.with_deletion(&self.next, revision, &self.directories))
    }

    /// Its keys as deletions to be remembered, but for the first ones.
    pub(crate) fn block(&self, revision: u64, forgotten: usize) -> Option<DeletedBlock> {
        (self.keys.len() >= BLOCK).then(|| DeletedBlock {
            revision,
            keys: Arc::clone(&self.keys),
            forgotten,
        })
    }
}

/// The nodes right above those that went; `None` where they are too many.
fn left_behind(commit: &Commit, effects: &[NodeEffect]) -> Option<Vec<String>> {
    let mut found = HashSet::new();
    let mut last = None;
    for effect in effects.iter().filter(|own| own.fate == NodeFate::Went) {
        let change = commit.changes.get(effect.change)?;
        let node = node_of(&change.key)?;
        let above = (0..effect.nodes).fold(node, |node, _| parent(node));
        if last != Some(above) {
            found.insert(above);
            last = Some(above);
        }
        if found.len() > MOST_DIRECTORIES {
            return None;
        }
    }
    Some(found.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Change, Entry, KeyRange, Record, Revision};
    use crate::space::directories::Directory;

    /// A keyspace of few keys, so that changes meet in many ways, with the history of its commits.
    #[derive(Default)]
    struct Fixture {
        shown: Snapshot,
        history: History,
    }

    impl Fixture {
        fn commit(&mut self, cause: Cause, changes: Vec<(Key, bool)>) -> Arc<Commit> {
            let revision = self.shown.revision + 1;
            let changes = (0_u32..).zip(changes).map(|(sub, (key, puts))| {
                let before = self.shown.entries.get(&key).cloned();
                let record = Record::default();
                let modified = Revision::new(revision, sub);
                let now = puts.then(|| Arc::new(Entry { record, modified }));
                Change { key, now, before }
            });
            Arc::new(Commit {
                revision,
                cause,
                subject: None,
                changes: changes.collect(),
            })
        }

        /// Writes or deletes one key.
        fn change(&mut self, key: Key, random: &mut fastrand::Rng) {
            let puts = random.bool() || !self.shown.entries.contains_key(&key);
            let commit = self.commit(Cause::Set, vec![(key, puts)]);
            self.shown.apply(&commit);
            self.history.push(&[commit]);
        }
    }

    fn any_key(random: &mut fastrand::Rng) -> Key {
        let name = |random: &mut fastrand::Rng| random.choice(["a", "b", "c"]).unwrap();
        let depth = random.usize(1..=3);
        let mut path: Vec<_> = (0..depth).map(|_| name(random)).collect();
        if random.u8(..4) == 0 {
            path.push("");
        }
        Key::user(path.join("/"))
    }

    type State = (
        Vec<(Key, Revision)>,
        Vec<(String, Directory)>,
        Vec<(Key, u64)>,
        u64,
        u64,
    );

    fn state(snapshot: &Snapshot) -> State {
        let all = || KeyRange::Prefix(Key::user("")).bounds();
        let entries = snapshot.entries.range(all());
        let directories = snapshot.directories.iter();
        let deleted = snapshot.deleted_in(all());
        (
            entries
                .map(|(key, own)| (key.clone(), own.modified))
                .collect(),
            directories
                .map(|(path, own)| (path.to_string(), *own))
                .collect(),
            deleted.map(|(key, at)| (key.clone(), at)).collect(),
            snapshot.bytes,
            snapshot.revision,
        )
    }

    #[test]
    fn what_is_prepared_is_what_comes_of_one_commit_after_another() {
        let mut random = fastrand::Rng::with_seed(17);
        let (mut held, mut given_up) = (0, 0);
        for _ in 0..3_000 {
            let mut fixture = Fixture::default();
            for _ in 0..random.usize(1..30) {
                let key = any_key(&mut random);
                fixture.change(key, &mut random);
            }
            let mut keys: Vec<Key> = (0..6).map(|_| any_key(&mut random)).collect();
            keys.sort();
            keys.dedup();
            keys.retain(|key| fixture.shown.entries.contains_key(key));
            let deletes: Vec<_> = keys.iter().map(|key| (key.clone(), false)).collect();
            let mut deletion = fixture.commit(Cause::Delete, deletes);
            Arc::get_mut(&mut deletion).unwrap().revision = 0;
            let mut prepared = PreparedDeletion::new(&fixture.shown, &deletion).unwrap();
            for _ in 0..random.usize(..6) {
                let other = any_key(&mut random);
                // What is to be deleted is locked.
                if !keys.contains(&other) {
                    fixture.change(other, &mut random);
                }
            }
            if !prepared.catch_up(&fixture.history) {
                given_up += 1;
                continue;
            }
            held += 1;
            let revision = fixture.shown.revision + 1;
            Arc::get_mut(&mut deletion).unwrap().revision = revision;
            let mut ours = prepared.finish(&fixture.shown, revision).unwrap();
            for key in &keys {
                ours.deletions.insert(key.clone(), revision);
            }
            let effects = fixture.shown.apply(&deletion);
            assert_eq!(state(&ours), state(&fixture.shown), "{keys:?}");
            assert_eq!(*prepared.effects, *effects, "{keys:?}");
        }
        assert!(held > 1_000 && given_up > 50, "{held}, {given_up}");
    }

    #[test]
    fn what_is_shown_later_than_was_taken_in_is_not_prepared() {
        let mut random = fastrand::Rng::with_seed(1);
        let mut fixture = Fixture::default();
        fixture.change(Key::user("a"), &mut random);
        let mut deletion = fixture.commit(Cause::Delete, vec![(Key::user("a"), false)]);
        Arc::get_mut(&mut deletion).unwrap().revision = 0;
        let mut prepared = PreparedDeletion::new(&fixture.shown, &deletion).unwrap();
        fixture.change(Key::user("b"), &mut random);
        assert!(prepared.finish(&fixture.shown, 3).is_none());
        assert!(prepared.catch_up(&fixture.history));
        assert!(prepared.finish(&fixture.shown, 3).is_some());
        // Of what is forgotten nobody knows what it did.
        fixture.change(Key::user("c"), &mut random);
        fixture.history.lose(3);
        assert!(!prepared.catch_up(&fixture.history));
    }
}

//! `PreparedDeletion`: what a wide deletion makes of the keyspace, made while other commits are delivered.
//!
//! The commits that come between are of other keys, because the keys of the deletion are locked. So they can be applied to its
//! result as well as to what is shown. Only what becomes of the nodes of the tree, and what a sieve keeps back, could depend on
//! the order: where a commit does other things to nodes on the one than on the other, or makes a sieve judge anew what is
//! deleted, nothing is prepared after all.
//!
//! What the deletion writes besides, and what it does to the gateway's own records, is done again in its turn: only then its
//! revision is known.

use std::collections::HashSet;
use std::sync::Arc;

use imbl::OrdSet;
use imbl::ordset::DiffItem;

use super::deletions::{BLOCK, DeletedBlock};
use super::directories::{NodeEffect, NodeFate, is_made_anew, node_of, parent};
use super::history::History;
use super::quota::QuotaSum;
use super::snapshot::{NARROW_CHANGES, Snapshot};
use super::timers::is_timed;
use crate::model::{Change, Commit, Key, Realm};

/// The most directories that stay and lose children, or get some: each is written down anew when the deletion has its revision.
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
    /// The nodes that stay and lose children or get some.
    directories: Vec<String>,
    /// Its keys, in order.
    keys: Arc<[Key]>,
    /// The places of the changes that are made in its turn.
    in_turn: Vec<usize>,
    /// The places of the changes that timers follow.
    timed: Vec<usize>,
    /// The commit as the past and watches know it, without a revision, where a sieve keeps some of it back.
    sifted: Option<Arc<Commit>>,
    /// How much memory the commit takes.
    pub(crate) weight: usize,
    /// Keys of it beneath each directory in which equal writes are renewals.
    pub(crate) renewed: Vec<Key>,
    /// What it changes beneath prefixes that have quotas.
    pub(crate) sum: Option<QuotaSum>,
}

impl PreparedDeletion {
    /// Applies a deletion that has no revision yet to what is shown. `None` where its delivery is to do all.
    pub(crate) fn new(shown: &Snapshot, commit: &Arc<Commit>) -> Option<Self> {
        let in_turn = places(commit, |change| {
            change.now.is_some() || change.key.realm() == Realm::System
        });
        // Whether a node that is made anew keeps its counts depends on what others do beneath it.
        if in_turn.len() > NARROW_CHANGES || commit.changes.iter().any(is_made_anew) {
            return None;
        }
        let mut keys: Vec<Key> = commit.changes.iter().map(|own| own.key.clone()).collect();
        // Most are in order: a directory of etcd v2 may come after what is in it.
        keys.sort();
        let mut next = shown.ahead();
        let effects = next.apply_forgetting(commit, usize::MAX);
        next.revision = shown.revision;
        let directories = changed_directories(commit, &effects)?;
        Some(Self {
            shown: shown.ahead(),
            next,
            effects: effects.into(),
            directories,
            keys: keys.into(),
            in_turn,
            timed: places(commit, is_timed),
            sifted: None,
            weight: commit.weight(),
            renewed: Vec::new(),
            sum: None,
        })
    }

    /// The same of a commit of which a sieve keeps some back. `None` where that is so of what is made in its turn.
    pub(crate) fn sifted(mut self, commit: &Arc<Commit>, sift: Sift) -> Option<Self> {
        let (before, now) = (self.shown.held_back(), self.next.held_back());
        let is_held_back = |key: &Key| before.contains(key) || now.contains(key);
        let is_in_turn = self
            .changes_in_turn(commit)
            .any(|change| is_held_back(&change.key));
        if is_in_turn {
            return None;
        }
        let sifted = sift(Arc::clone(commit), before, now);
        self.sifted = (!Arc::ptr_eq(&sifted, commit)).then_some(sifted);
        Some(self)
    }

    /// Its keys, in order.
    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Those changes of the commit that timers follow.
    pub(crate) fn timed<'c>(&'c self, commit: &'c Commit) -> impl Iterator<Item = &'c Change> {
        self.timed.iter().filter_map(|at| commit.changes.get(*at))
    }

    fn changes_in_turn<'c>(&'c self, commit: &'c Commit) -> impl Iterator<Item = &'c Change> {
        self.in_turn.iter().filter_map(|at| commit.changes.get(*at))
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
                let held_back = [&self.shown, &self.next].map(|own| own.held_back().clone());
                // Which deletions are remembered is of no interest here.
                let without = self.shown.apply_forgetting(commit, usize::MAX);
                let with = self.next.apply_forgetting(commit, usize::MAX);
                let now = [&self.shown, &self.next].map(Snapshot::held_back);
                let mut sets = held_back.iter().zip(now);
                if without != with || sets.any(|(before, now)| self.is_judged_anew(before, now)) {
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

    /// Whether something of the deletion is kept back that was not, or no more.
    fn is_judged_anew(&self, before: &OrdSet<Key>, now: &OrdSet<Key>) -> bool {
        let mut judged = before.diff(now).map(|own| match own {
            DiffItem::Add(key) | DiffItem::Remove(key) => key,
        });
        judged.any(|key| self.keys.binary_search(key).is_ok())
    }

    /// The keyspace with the deletion, given the one that is shown, once it has its revision. `None` where that is another
    /// than was taken in.
    pub(crate) fn finish(&self, current: &Snapshot, commit: &Commit) -> Option<Snapshot> {
        if self.shown.revision != current.revision {
            return None;
        }
        let revision = commit.revision;
        let mut snapshot = current.with_deletion(&self.next, revision, &self.directories);
        for change in self.changes_in_turn(commit) {
            snapshot.apply_in_turn(change, revision);
        }
        Some(snapshot)
    }

    /// The commit as the past and watches are to know it.
    pub(crate) fn delivered(&mut self, commit: &Arc<Commit>) -> Arc<Commit> {
        let Some(mut sifted) = self.sifted.take() else {
            return Arc::clone(commit);
        };
        // Nobody else has it, or else it would be copied.
        let own = Arc::make_mut(&mut sifted);
        own.revision = commit.revision;
        for place in &self.in_turn {
            if let (Some(own), Some(made)) =
                (own.changes.get_mut(*place), commit.changes.get(*place))
            {
                own.now.clone_from(&made.now);
            }
        }
        sifted
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

/// A commit without what a sieve keeps back before it, or after it.
pub(crate) type Sift = fn(Arc<Commit>, &OrdSet<Key>, &OrdSet<Key>) -> Arc<Commit>;

/// The places of some changes of a commit.
fn places(commit: &Commit, is_wanted: impl Fn(&Change) -> bool) -> Vec<usize> {
    let changes = commit.changes.iter().enumerate();
    let wanted = changes.filter(|(_, change)| is_wanted(change));
    wanted.map(|(place, _)| place).collect()
}

/// The nodes right above those that went, and all above those that came with them; `None` where they are too many.
fn changed_directories(commit: &Commit, effects: &[NodeEffect]) -> Option<Vec<String>> {
    let mut found = HashSet::new();
    let mut last = None;
    for effect in effects {
        let change = commit.changes.get(effect.change)?;
        let node = node_of(&change.key)?;
        let above = match effect.fate {
            NodeFate::Went => effect.nodes..effect.nodes + 1,
            NodeFate::Came => 1..effect.nodes + 1,
            NodeFate::Written => continue,
        };
        let nodes = std::iter::successors(Some(node), |node| Some(parent(node)));
        for above in nodes.take(above.end).skip(above.start) {
            // Neighbours are mostly in one directory.
            if last != Some(above) {
                found.insert(above);
                last = Some(above);
            }
        }
        if found.len() > MOST_DIRECTORIES {
            return None;
        }
    }
    Some(found.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;

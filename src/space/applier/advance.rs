//! The step from the current snapshot to the next one: commits are applied to it, and deletions remembered.

use std::sync::Arc;

use super::Applier;
use super::held_back::{held_back_anew, without_held_back};
use super::next_snapshot::NextSnapshot;
use crate::model::{Change, Commit};
use crate::space::node_commit::CommitEffects;
use crate::space::prepared_deletion::PreparedDeletion;
use crate::space::seen_nodes::CommitStates;
use crate::space::snapshot::Snapshot;

impl Applier {
    /// Applies commits to what is shown, which stays as it is; with the states around each, if those are kept.
    pub(super) fn next(&self, commits: Vec<Arc<Commit>>, keeps_states: bool) -> NextSnapshot {
        let mut snapshot = Snapshot::clone(&self.current.load());
        let mut delivered = Vec::with_capacity(commits.len());
        let mut changed = Vec::with_capacity(commits.len());
        let mut sifted = Vec::new();
        let mut counted = Vec::new();
        for commit in commits {
            let commit = if self.is_shared {
                with_before(&snapshot, commit)
            } else {
                commit
            };
            if self.quotas.is_some() {
                counted.push(Arc::clone(&commit));
            }
            let was_held_back = snapshot.held_back().clone();
            let deletions = commit.deleted_keys().count();
            let forgotten = self.deleted.lock().forgets(deletions);
            let before = keeps_states.then(|| snapshot.entries.clone());
            let effects = snapshot.apply_forgetting(&commit, forgotten);
            let states = before.map(|before| {
                let after = snapshot.entries.clone();
                Arc::new(CommitStates { before, after })
            });
            // Most commits have none, for which nothing is allocated.
            let effects = if effects.is_empty() {
                Arc::default()
            } else {
                effects.into()
            };
            self.remember_deletions(&mut snapshot, &commit, forgotten);
            sifted.extend(held_back_anew(
                &commit,
                &was_held_back,
                snapshot.held_back(),
            ));
            let commit = without_held_back(commit, &was_held_back, snapshot.held_back());
            delivered.push(Arc::clone(&commit));
            changed.push(CommitEffects {
                commit,
                effects,
                states,
            });
        }
        NextSnapshot {
            snapshot,
            delivered,
            changed,
            sifted,
            counted,
        }
    }

    /// What shows a wide deletion, by what was prepared. `None` where that does not hold any more.
    pub(super) fn next_wide(
        &self,
        commit: &Arc<Commit>,
        wide: &mut PreparedDeletion,
    ) -> Option<NextSnapshot> {
        if !wide.catch_up(&self.history) {
            return None;
        }
        let current = self.current.load_full();
        let mut snapshot = wide.finish(&current, commit)?;
        let keeps_states = self.watches.has_partial_subscriptions();
        let states = keeps_states.then(|| {
            Arc::new(CommitStates {
                before: current.entries.clone(),
                after: snapshot.entries.clone(),
            })
        });
        let forgotten = self.deleted.lock().forgets(commit.changes.len());
        if let Some(block) = wide.block(commit.revision, forgotten) {
            let into = (&mut snapshot.deletions, &mut snapshot.deletions_floor);
            self.deleted.lock().push_block(block, into);
        } else {
            for key in commit.deleted_keys() {
                snapshot.deletions.insert(key.clone(), commit.revision);
            }
            self.remember_deletions(&mut snapshot, commit, 0);
        }
        let counted = self.quotas.is_some().then(|| Arc::clone(commit));
        let sifted = held_back_anew(commit, current.held_back(), snapshot.held_back());
        let delivered = wide.delivered(commit);
        Some(NextSnapshot {
            snapshot,
            delivered: vec![Arc::clone(&delivered)],
            changed: vec![CommitEffects {
                commit: delivered,
                effects: Arc::clone(&wide.effects),
                states,
            }],
            sifted: sifted.into_iter().collect(),
            counted: counted.into_iter().collect(),
        })
    }

    /// Remembers what a commit deleted, but for so many, and forgets the oldest where that grows too much.
    fn remember_deletions(&self, snapshot: &mut Snapshot, commit: &Commit, forgotten: usize) {
        let into = (&mut snapshot.deletions, &mut snapshot.deletions_floor);
        self.deleted.lock().push(commit, forgotten, into);
    }
}

/// The commit with the previous entries that its store did not know.
fn with_before(snapshot: &Snapshot, commit: Arc<Commit>) -> Arc<Commit> {
    let known =
        |change: &Change| change.before.is_some() || !snapshot.entries.contains_key(&change.key);
    if commit.changes.iter().all(known) {
        return commit;
    }
    let mut commit = Arc::unwrap_or_clone(commit);
    for change in &mut commit.changes {
        change.before = snapshot.entries.get(&change.key).cloned();
    }
    Arc::new(commit)
}

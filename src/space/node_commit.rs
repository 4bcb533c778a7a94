//! Node commits: a commit as a change of nodes of the tree, those among them that nobody wrote.

use std::collections::HashMap;
use std::sync::Arc;

use super::directories::{NodeEffect, NodeFate, node_of, parent};
use super::node_keys::is_root_record;
use super::seen_nodes::{CommitStates, SeenNode};
use super::visibility::Visibility;
use crate::model::{Cause, Change, Commit, Entry, Key, Verb};

/// A commit as it changed the nodes of the tree, as far as a caller may watch them.
#[derive(Clone, Debug)]
pub struct NodeCommit {
    changed: CommitEffects,
    visibility: Visibility,
}

/// A commit with what it did to nodes.
#[derive(Clone, Debug)]
pub(crate) struct CommitEffects {
    pub(crate) commit: Arc<Commit>,
    /// In the order of the commit's changes. A change that is not among them wrote a node that was there and stays.
    pub(crate) effects: Arc<[NodeEffect]>,
    /// Kept while somebody subscribes who does not see all.
    pub(crate) states: Option<Arc<CommitStates>>,
}

/// What a commit did to one node.
#[derive(Clone, Copy, Debug)]
pub struct NodeChange<'a> {
    /// The node's path.
    pub path: &'a str,
    /// What became of it.
    pub fate: NodeFate,
    /// The change of an entry of the node; `None` of a node that came or went with something beneath it.
    pub change: Option<&'a Change>,
    /// The key that was changed: one of the node, or of what it came or went with.
    by: &'a Key,
}

impl<'a> NodeChange<'a> {
    fn seen((path, fate, by): SeenNode<'a>) -> Self {
        let is_own = node_of(&by.key).is_none_or(|own| own.len() == path.len());
        Self {
            path,
            fate,
            change: is_own.then_some(by),
            by: &by.key,
        }
    }

    /// The entry of the node before, where the change is one of its own.
    pub fn before(&self) -> Option<&Arc<Entry>> {
        self.change?.before.as_ref()
    }

    /// The entry of the node after.
    pub fn now(&self) -> Option<&Arc<Entry>> {
        self.change?.now.as_ref()
    }
}

impl NodeCommit {
    pub(crate) fn new(changed: CommitEffects, visibility: Visibility) -> Self {
        Self {
            changed,
            visibility,
        }
    }

    /// The revision.
    pub fn revision(&self) -> u64 {
        self.changed.commit.revision
    }

    /// Why it was made.
    pub fn cause(&self) -> Cause {
        self.changed.commit.cause
    }

    /// What it did, in the order of its writes: of nodes that came with one write those above first, of nodes that went
    /// those above last. A node that came or went with what is hidden beneath it is hidden, too; and what is hidden beneath a
    /// node keeps it from neither.
    pub fn nodes(&self) -> impl Iterator<Item = NodeChange<'_>> {
        let seen: Vec<_> = match (&self.visibility, &self.changed.states) {
            (Visibility::All, _) => Vec::new(),
            (Visibility::Part(_), Some(states)) => {
                let seen = states.seen(&self.changed.commit, &self.visibility);
                seen.into_iter().map(NodeChange::seen).collect()
            }
            // It was under way when the caller subscribed.
            (Visibility::Part(_), None) => {
                let nodes = self.changed.nodes();
                nodes.filter(|node| self.sees(node)).collect()
            }
        };
        let sees_all = !self.visibility.is_part();
        let all = sees_all.then(|| self.changed.nodes());
        all.into_iter().flatten().chain(seen)
    }

    fn sees(&self, node: &NodeChange<'_>) -> bool {
        let is_implied = node.change.is_none();
        self.visibility.allows(Verb::Watch, &Key::user(node.path))
            && (!is_implied || self.visibility.allows(Verb::Watch, node.by))
    }
}

impl CommitEffects {
    /// See [`NodeCommit::nodes`].
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeChange<'_>> {
        let mut effects = self.effects.iter().peekable();
        let mut gone = None;
        let changes = self.commit.changes.iter().enumerate();
        changes.flat_map(move |(place, change)| {
            let mut nodes = Vec::new();
            // What is set of the root has no node among the keys.
            let root = || is_root_record(&change.key).then_some("");
            let Some(path) = node_of(&change.key).or_else(root) else {
                return nodes;
            };
            while let Some(effect) = effects.next_if(|effect| effect.change == place) {
                push_effect(&mut nodes, path, change, effect);
            }
            // Of a node that goes with a later change nothing else is delivered.
            let mut goes = || {
                let gone = gone.get_or_insert_with(|| self.gone());
                gone.get(path).is_some_and(|last| *last > place)
            };
            if nodes.is_empty() && (change.now.is_some() || !goes()) {
                let fate = NodeFate::Written;
                nodes.push(NodeChange {
                    path,
                    fate,
                    change: Some(change),
                    by: &change.key,
                });
            }
            nodes
        })
    }

    /// The nodes that go, each with the place of the last change that it goes with. Looked up rather than looked for: a commit
    /// may delete hundreds of thousands of keys.
    fn gone(&self) -> HashMap<&str, usize> {
        let went = self.effects.iter();
        let went = went.filter(|effect| effect.fate == NodeFate::Went);
        let nodes = went.flat_map(|effect| {
            let change = self.commit.changes.get(effect.change);
            let node = change.and_then(|change| node_of(&change.key));
            let from_there_up = std::iter::successors(node, |node| Some(parent(node)));
            let gone = from_there_up.take(effect.nodes);
            gone.map(|node| (node, effect.change))
        });
        nodes.collect()
    }
}

/// Adds the nodes of one effect.
fn push_effect<'a>(
    nodes: &mut Vec<NodeChange<'a>>,
    path: &'a str,
    change: &'a Change,
    effect: &NodeEffect,
) {
    let fate = effect.fate;
    let start = nodes.len();
    let mut above = path;
    for _ in 0..effect.nodes {
        nodes.push(NodeChange {
            path: above,
            fate,
            change: (above.len() == path.len()).then_some(change),
            by: &change.key,
        });
        above = parent(above);
    }
    if fate == NodeFate::Came
        && let Some(came) = nodes.get_mut(start..)
    {
        came.reverse();
    }
}

//! `CommitStates`: the entries before and after a commit, from which the fate of nodes is derived for a caller who sees a part.
//!
//! A commit creates or deletes a node depending on the other entries beneath it. For such a caller only those count that it may
//! watch: hidden entries neither keep a node alive nor create one.

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use super::directories::{NodeFate, is_made_anew, node_of, parent};
use super::entry_map::EntryMap;
use super::node_keys::{is_root_record, node_keys};
use super::visibility::{Coverage, Visibility};
use crate::model::{Change, Commit, Key, KeyRange, Verb};

/// The most entries that are looked at for one commit to find one that may be watched. Of a node with more hidden ones before
/// it, it counts as hidden, too.
const MOST_LOOKED_AT: usize = 16_384;

/// A node with what became of it and by which change: one of its own, or of something beneath that it came or went with.
pub(crate) type SeenNode<'a> = (&'a str, NodeFate, &'a Change);

/// The entries before a commit and after it. Both share with the snapshots of that time what did not change.
#[derive(Clone, Debug)]
pub(crate) struct CommitStates {
    pub(crate) before: EntryMap,
    pub(crate) after: EntryMap,
}

impl CommitStates {
    /// What a commit did to nodes, as a caller may watch it; in the order of [`super::NodeCommit::nodes`].
    pub(crate) fn seen<'a>(
        &self,
        commit: &'a Commit,
        visibility: &Visibility,
    ) -> Vec<SeenNode<'a>> {
        let mut seen = SeenNodes {
            states: self,
            visibility,
            looked_at: Cell::new(0),
            reported: HashSet::new(),
            nodes: Vec::new(),
        };
        for change in &commit.changes {
            seen.add(change);
        }
        put_beneath_first(&mut seen.nodes);
        seen.nodes
    }
}

/// The nodes that a change may have created or deleted, for a caller who sees a part of the entries: its own, and all above.
pub(crate) fn nodes_around(change: &Change) -> impl Iterator<Item = (&str, NodeFate)> {
    let fate = match (&change.before, &change.now) {
        (None, Some(_)) => Some(NodeFate::Came),
        (_, None) => Some(NodeFate::Went),
        (Some(_), Some(_)) => None,
    };
    let node = node_of(&change.key).filter(|_| fate.is_some());
    let nodes = std::iter::successors(node, |node| Some(parent(node)));
    let below_root = nodes.take_while(|node| !node.is_empty());
    below_root.filter_map(move |node| Some((node, fate?)))
}

/// Moves nodes that went behind those beneath them, where they are not: a tree that is deleted as a whole is in the order of its
/// keys.
fn put_beneath_first(nodes: &mut [SeenNode<'_>]) {
    let places = (0_usize..)
        .zip(nodes.iter())
        .filter(|(_, node)| is_gone(node));
    let places: HashMap<_, _> = places.map(|(place, node)| (node.0, place)).collect();
    let is_behind_one_above = |(path, place): (&&str, &usize)| {
        let above = std::iter::successors(Some(parent(path)), |path| Some(parent(path)));
        let mut above = above.take_while(|path| !path.is_empty());
        above.any(|path| places.get(path).is_some_and(|above| above < place))
    };
    if !places.iter().any(is_behind_one_above) {
        return;
    }
    let mut deepest_first: Vec<_> = nodes.iter().copied().filter(is_gone).collect();
    deepest_first.sort_by_key(|(path, ..)| Reverse(path.matches('/').count()));
    let mut deepest_first = deepest_first.into_iter();
    for node in nodes.iter_mut().filter(|node| is_gone(node)) {
        if let Some(next) = deepest_first.next() {
            *node = next;
        }
    }
}

fn is_gone((_, fate, _): &SeenNode<'_>) -> bool {
    *fate == NodeFate::Went
}

struct SeenNodes<'a, 'b> {
    states: &'b CommitStates,
    visibility: &'b Visibility,
    looked_at: Cell<usize>,
    /// Those that came or went.
    reported: HashSet<&'a str>,
    nodes: Vec<SeenNode<'a>>,
}

impl<'a> SeenNodes<'a, '_> {
    fn add(&mut self, change: &'a Change) {
        // What is set of the root has no node among the keys.
        let root = || is_root_record(&change.key).then_some("");
        let Some(path) = node_of(&change.key).or_else(root) else {
            return;
        };
        if !self.may_watch(path) {
            return;
        }
        let (was, is) = self.was_and_is(path);
        if was == is || self.reported.contains(path) {
            self.add_own(path, change, is);
            return;
        }
        let fate = if is { NodeFate::Came } else { NodeFate::Went };
        let start = self.nodes.len();
        self.report(path, fate, change);
        let mut above = parent(path);
        // A node with an entry of its own comes and goes with a change of that.
        while !above.is_empty()
            && !self.reported.contains(above)
            && self.was_and_is(above) == (was, is)
            && !self.has_own(above)
        {
            self.report(above, fate, change);
            above = parent(above);
        }
        if fate == NodeFate::Came
            && let Some(came) = self.nodes.get_mut(start..)
        {
            came.reverse();
        }
    }

    /// Adds the change of an entry whose node neither comes nor goes with it.
    fn add_own(&mut self, path: &'a str, change: &'a Change, is: bool) {
        let is_first = !self.reported.contains(path);
        if is_made_anew(change) && is_first {
            self.nodes.push((path, NodeFate::Went, change));
            self.nodes.push((path, NodeFate::Came, change));
        } else if is && (is_first || change.now.is_some()) {
            self.nodes.push((path, NodeFate::Written, change));
        }
    }

    fn report(&mut self, path: &'a str, fate: NodeFate, by: &'a Change) {
        self.reported.insert(path);
        if self.may_watch(path) {
            self.nodes.push((path, fate, by));
        }
    }

    fn may_watch(&self, path: &str) -> bool {
        self.visibility.allows(Verb::Watch, &Key::user(path))
    }

    /// Whether an entry of this node came or went.
    fn has_own(&self, path: &str) -> bool {
        let CommitStates { before, after } = self.states;
        let mut keys = node_keys(path.as_bytes()).into_iter();
        self.may_watch(path)
            && keys.any(|key| before.contains_key(&key) != after.contains_key(&key))
    }

    /// Whether one more entry may be looked at.
    fn looks_on(&self) -> bool {
        let looked_at = self.looked_at.get();
        self.looked_at.set(looked_at.saturating_add(1));
        looked_at < MOST_LOOKED_AT
    }

    fn was_and_is(&self, path: &str) -> (bool, bool) {
        let CommitStates { before, after } = self.states;
        (self.is_there(before, path), self.is_there(after, path))
    }

    /// Whether a node is there, by the entries that may be watched.
    fn is_there(&self, entries: &EntryMap, path: &str) -> bool {
        // The root always is.
        if path.is_empty() {
            return true;
        }
        let mut keys = node_keys(path.as_bytes()).into_iter();
        if self.may_watch(path) && keys.any(|key| entries.contains_key(&key)) {
            return true;
        }
        let beneath = KeyRange::Prefix(Key::user([path, "/"].concat()));
        let found = &mut entries.shown_range(beneath.bounds());
        match self.visibility.covers(Verb::Watch, &beneath) {
            Coverage::None => false,
            Coverage::All => found.next().is_some(),
            Coverage::Part => found
                .take_while(|_| self.looks_on())
                .any(|(key, _)| self.visibility.allows(Verb::Watch, key)),
        }
    }
}

//! Prefix map: values by byte strings, of which all that a key begins with are found in one walk along the key.

use crate::model::{Key, Realm};

/// A radix tree of keys: an edge holds as many bytes as no other key branches off in.
///
/// Finding every stored prefix of a key costs as much as the key is long, and the nodes on its way, however many values
/// there are and of how many lengths. Equal beginnings are stored once, so a thousand long prefixes of one another take
/// the memory of the longest.
#[derive(Debug)]
pub(crate) struct PrefixMap<V> {
    nodes: Vec<Option<PrefixNode<V>>>,
    /// Places in `nodes` that are empty.
    free: Vec<usize>,
}

#[derive(Debug)]
struct PrefixNode<V> {
    /// The bytes between the parent and this node.
    label: Box<[u8]>,
    parent: usize,
    value: Option<V>,
    /// By the first byte of their labels, in order.
    children: Vec<(u8, usize)>,
}

/// The nodes that stand for the empty key of each realm.
const USER_ROOT: usize = 0;
const SYSTEM_ROOT: usize = 1;

impl<V> Default for PrefixMap<V> {
    fn default() -> Self {
        let root = |place| Some(PrefixNode::new(&[], place));
        Self {
            nodes: vec![root(USER_ROOT), root(SYSTEM_ROOT)],
            free: Vec::new(),
        }
    }
}

impl<V> PrefixNode<V> {
    fn new(label: &[u8], parent: usize) -> Self {
        Self {
            label: label.into(),
            parent,
            value: None,
            children: Vec::new(),
        }
    }

    fn child(&self, byte: u8) -> Option<usize> {
        let at = self.children.binary_search_by_key(&byte, |(own, _)| *own);
        at.ok()
            .and_then(|at| self.children.get(at))
            .map(|(_, child)| *child)
    }

    /// Adds a child, or puts another in the place of the one that begins so.
    fn set_child(&mut self, byte: u8, child: usize) {
        match self.children.binary_search_by_key(&byte, |(own, _)| *own) {
            Ok(at) => {
                if let Some(place) = self.children.get_mut(at) {
                    place.1 = child;
                }
            }
            Err(at) => self.children.insert(at, (byte, child)),
        }
    }
}

fn root_of(realm: Realm) -> usize {
    match realm {
        Realm::User => USER_ROOT,
        Realm::System => SYSTEM_ROOT,
    }
}

impl<V> PrefixMap<V> {
    /// The value of exactly this key.
    pub(crate) fn get_mut(&mut self, key: &Key) -> Option<&mut V> {
        let (place, rest) = self.descend(key);
        if rest.is_empty() {
            self.node_mut(place)?.value.as_mut()
        } else {
            None
        }
    }

    /// Calls `visit` with the value of each stored key that this key begins with, itself included, the shortest first, until
    /// `visit` returns something.
    pub(crate) fn find_on_way<'a, R>(
        &'a self,
        key: &Key,
        mut visit: impl FnMut(&'a V) -> Option<R>,
    ) -> Option<R> {
        let mut rest = key.as_bytes();
        let mut node = self.node(root_of(key.realm()))?;
        loop {
            if let Some(found) = node.value.as_ref().and_then(&mut visit) {
                return Some(found);
            }
            node = self.node(node.child(*rest.first()?)?)?;
            rest = rest.strip_prefix(node.label.as_ref())?;
        }
    }

    /// Sets the value of a key; returns the one it had.
    pub(crate) fn insert(&mut self, key: &Key, value: V) -> Option<V> {
        let (place, rest) = self.descend(key);
        let place = self.grow(place, rest);
        self.node_mut(place)?.value.replace(value)
    }

    /// Removes the value of a key and what led to it alone.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<V> {
        let (place, rest) = self.descend(key);
        if !rest.is_empty() {
            return None;
        }
        let value = self.node_mut(place)?.value.take()?;
        self.prune(place);
        Some(value)
    }

    /// Whether there are no values.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.iter().flatten().count() == 2
    }

    fn node(&self, place: usize) -> Option<&PrefixNode<V>> {
        self.nodes.get(place)?.as_ref()
    }

    fn node_mut(&mut self, place: usize) -> Option<&mut PrefixNode<V>> {
        self.nodes.get_mut(place)?.as_mut()
    }

    /// The last node on the way to a key, and what of the key lies beyond it.
    fn descend<'k>(&self, key: &'k Key) -> (usize, &'k [u8]) {
        let mut at = root_of(key.realm());
        let mut rest = key.as_bytes();
        loop {
            let next = rest.first().and_then(|byte| self.node(at)?.child(*byte));
            let Some(next) = next else { break };
            let label = self.node(next).map_or(&[][..], |node| &node.label);
            let Some(beyond) = rest.strip_prefix(label) else {
                break;
            };
            (at, rest) = (next, beyond);
        }
        (at, rest)
    }

    /// The node at `rest` beneath `at`, made where there is none. No child's whole label begins `rest`.
    fn grow(&mut self, at: usize, rest: &[u8]) -> usize {
        let Some(&byte) = rest.first() else {
            return at;
        };
        let Some(child) = self.node(at).and_then(|node| node.child(byte)) else {
            let new = self.add(PrefixNode::new(rest, at));
            if let Some(node) = self.node_mut(at) {
                node.set_child(byte, new);
            }
            return new;
        };
        // The child's label goes another way somewhere, or goes on where `rest` ends: a node comes between.
        let label = self
            .node_mut(child)
            .map_or_else(Box::default, |child| std::mem::take(&mut child.label));
        let common = common_length(&label, rest);
        let (shared, own) = label.split_at(common);
        let between = self.add(PrefixNode::new(shared, at));
        if let Some(node) = self.node_mut(child) {
            node.label = own.into();
            node.parent = between;
        }
        if let (Some(node), Some(first)) = (self.node_mut(between), own.first()) {
            node.set_child(*first, child);
        }
        if let Some(node) = self.node_mut(at) {
            node.set_child(byte, between);
        }
        self.grow(between, rest.get(common..).unwrap_or_default())
    }

    fn add(&mut self, node: PrefixNode<V>) -> usize {
        let Some(place) = self.free.pop() else {
            self.nodes.push(Some(node));
            return self.nodes.len() - 1;
        };
        if let Some(free) = self.nodes.get_mut(place) {
            *free = Some(node);
        }
        place
    }

    /// Removes the node where nothing is at or beneath it, and joins nodes between which nothing branches off any more.
    fn prune(&mut self, place: usize) {
        let Some(node) = self.node(place) else {
            return;
        };
        if node.value.is_some() || place == USER_ROOT || place == SYSTEM_ROOT {
            return;
        }
        let (parent, first) = (node.parent, node.label.first().copied());
        match *node.children.as_slice() {
            [] => {
                self.take(place);
                if let Some(above) = self.node_mut(parent) {
                    above.children.retain(|(_, child)| *child != place);
                }
                self.prune(parent);
            }
            [(_, only)] => {
                let upper = self
                    .take(place)
                    .map_or_else(Box::default, |node| node.label);
                if let Some(child) = self.node_mut(only) {
                    child.label = [upper.as_ref(), child.label.as_ref()].concat().into();
                    child.parent = parent;
                }
                if let (Some(above), Some(first)) = (self.node_mut(parent), first) {
                    above.set_child(first, only);
                }
            }
            [_, _, ..] => {}
        }
    }

    fn take(&mut self, place: usize) -> Option<PrefixNode<V>> {
        let node = self.nodes.get_mut(place)?.take()?;
        self.free.push(place);
        Some(node)
    }
}

/// How many bytes two strings have in common at their beginnings.
pub(crate) fn common_length(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn on_way(map: &PrefixMap<usize>, key: &Key) -> Vec<usize> {
        let mut found = Vec::new();
        map.find_on_way(key, |value| {
            found.push(*value);
            None::<()>
        });
        found
    }

    fn keys() -> impl Strategy<Value = Key> {
        let realm = prop_oneof![Just(Realm::User), Just(Realm::System)];
        let bytes = prop::collection::vec(prop_oneof![Just(b'a'), Just(b'b'), Just(255)], 0..6);
        (realm, bytes).prop_map(|(realm, bytes)| Key::new(realm, bytes))
    }

    proptest! {
        #[test]
        fn finds_what_a_comparison_with_every_key_finds(
            steps in prop::collection::vec((keys(), any::<bool>()), 1..60),
            asked in prop::collection::vec(keys(), 1..20),
        ) {
            let mut map = PrefixMap::default();
            let mut model = BTreeMap::new();
            for (value, (key, insert)) in steps.into_iter().enumerate() {
                if insert {
                    prop_assert_eq!(map.insert(&key, value), model.insert(key.clone(), value));
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                }
                prop_assert_eq!(map.get_mut(&key).copied(), model.get(&key).copied());
            }
            let mut beneath_roots = map.nodes.iter().skip(2).flatten();
            prop_assert!(
                beneath_roots.all(|node| node.value.is_some() || node.children.len() > 1),
                "a node is left at which nothing is and nothing branches off",
            );
            for key in &asked {
                let expected: Vec<usize> = model
                    .iter()
                    .filter(|(prefix, _)| key.starts_with(prefix))
                    .map(|(_, value)| *value)
                    .collect();
                prop_assert_eq!(on_way(&map, key), expected);
            }
            for key in model.keys() {
                map.remove(key);
            }
            prop_assert!(map.is_empty(), "more than the roots are left");
        }
    }

    #[test]
    fn prefixes_of_one_another_take_the_memory_of_the_longest() {
        let long = vec![b'k'; 4_096];
        let mut map = PrefixMap::default();
        for length in 1..=long.len() {
            map.insert(&Key::user(&long[..length]), length);
        }
        let bytes: usize = map
            .nodes
            .iter()
            .flatten()
            .map(|node| node.label.len())
            .sum();
        assert_eq!(bytes, long.len());
        assert_eq!(on_way(&map, &Key::user(&long)).len(), long.len());
        assert!(on_way(&map, &Key::user("other")).is_empty());
    }
}

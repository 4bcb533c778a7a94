//! Node index: finds who is interested in the nodes of the tree that a commit changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::directories::{NodeFate, parent};

/// Nodes that somebody wants to hear of, by the path of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// That node: it comes, goes or is written.
    Node(String),
    /// The children of that node, which come and go, and the node itself when it goes.
    Children(String),
    /// That node and all beneath it: they come, go or are written.
    Tree(String),
}

impl Interest {
    /// Whether a change of this node concerns it.
    pub(crate) fn is_concerned(&self, path: &str, fate: NodeFate) -> bool {
        match self {
            Self::Node(own) => own == path,
            Self::Children(own) => match fate {
                NodeFate::Came => own == parent(path),
                NodeFate::Went => own == path || own == parent(path),
                NodeFate::Written => false,
            },
            Self::Tree(own) => {
                let beneath = path.strip_prefix(own.as_str());
                own.is_empty()
                    || beneath.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
        }
    }
}

/// Items by the number they were given.
type Items<T> = BTreeMap<u64, Arc<T>>;

/// Items by what they are interested in.
///
/// Finding those that a node concerns costs a look-up for each node above it, however many items there are.
#[derive(Debug)]
pub(crate) struct NodeIndex<T> {
    nodes: HashMap<Box<str>, Items<T>>,
    children: HashMap<Box<str>, Items<T>>,
    trees: HashMap<Box<str>, Items<T>>,
}

impl<T> Default for NodeIndex<T> {
    fn default() -> Self {
        Self {
            nodes: HashMap::new(),
            children: HashMap::new(),
            trees: HashMap::new(),
        }
    }
}

impl<T> NodeIndex<T> {
    /// Adds an interest of the item with this number.
    pub(crate) fn add(&mut self, interest: &Interest, number: u64, item: &Arc<T>) {
        let (items, path) = self.items(interest);
        let item = Arc::clone(item);
        match items.get_mut(path) {
            Some(own) => own.insert(number, item),
            None => items.entry(path.into()).or_default().insert(number, item),
        };
    }

    /// Removes an interest of the item with this number.
    pub(crate) fn remove(&mut self, interest: &Interest, number: u64) {
        let (items, path) = self.items(interest);
        let Some(own) = items.get_mut(path) else {
            return;
        };
        own.remove(&number);
        if own.is_empty() {
            items.remove(path);
        }
    }

    fn items<'a>(&mut self, interest: &'a Interest) -> (&mut HashMap<Box<str>, Items<T>>, &'a str) {
        match interest {
            Interest::Node(path) => (&mut self.nodes, path),
            Interest::Children(path) => (&mut self.children, path),
            Interest::Tree(path) => (&mut self.trees, path),
        }
    }

    /// Whether nobody is interested in anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.children.is_empty() && self.trees.is_empty()
    }

    /// Calls `visit` with each item that a change of this node concerns; with one of several interests more than once.
    pub(crate) fn for_each_match(
        &self,
        path: &str,
        fate: NodeFate,
        mut visit: impl FnMut(&Arc<T>),
    ) {
        let mut all = |items: Option<&Items<T>>| {
            for item in items.into_iter().flat_map(Items::values) {
                visit(item);
            }
        };
        all(self.nodes.get(path));
        match fate {
            NodeFate::Came => all(self.children.get(parent(path))),
            NodeFate::Went => {
                all(self.children.get(path));
                all(self.children.get(parent(path)));
            }
            NodeFate::Written => {}
        }
        if self.trees.is_empty() {
            return;
        }
        let mut above = path;
        loop {
            all(self.trees.get(above));
            if above.is_empty() {
                return;
            }
            above = parent(above);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(index: &NodeIndex<&'static str>, path: &str, fate: NodeFate) -> Vec<&'static str> {
        let mut heard = Vec::new();
        index.for_each_match(path, fate, |item| heard.push(**item));
        heard.sort_unstable();
        heard
    }

    #[test]
    fn a_change_concerns_its_node_the_children_of_the_node_above_and_the_trees_around_it() {
        let mut index = NodeIndex::default();
        let interests = [
            (Interest::Node("a/b".into()), "node"),
            (Interest::Children("a".into()), "siblings"),
            (Interest::Children("a/b".into()), "children"),
            (Interest::Tree("a".into()), "tree"),
            (Interest::Tree(String::new()), "root"),
            (Interest::Tree("a/bc".into()), "other tree"),
            (Interest::Node("a".into()), "above"),
        ];
        for (number, (interest, name)) in (0..).zip(&interests) {
            index.add(interest, number, &Arc::new(*name));
        }
        assert_eq!(
            heard(&index, "a/b", NodeFate::Written),
            ["node", "root", "tree"]
        );
        let came = ["node", "root", "siblings", "tree"];
        assert_eq!(heard(&index, "a/b", NodeFate::Came), came);
        let went = ["children", "node", "root", "siblings", "tree"];
        assert_eq!(heard(&index, "a/b", NodeFate::Went), went);
        assert_eq!(heard(&index, "x", NodeFate::Came), ["root"]);
        // Asked one by one, they answer the same.
        for path in ["a", "a/b", "a/bc", "a/b/c", "x"] {
            for fate in [NodeFate::Came, NodeFate::Went, NodeFate::Written] {
                let mut concerned: Vec<_> = interests
                    .iter()
                    .filter(|(interest, _)| interest.is_concerned(path, fate))
                    .map(|(_, name)| *name)
                    .collect();
                concerned.sort_unstable();
                assert_eq!(heard(&index, path, fate), concerned, "{path} {fate:?}");
            }
        }
        for (number, (interest, _)) in (0..).zip(&interests) {
            index.remove(interest, number);
        }
        assert!(index.is_empty());
    }
}

//! Directory with its children, encoded once for all who ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::encode::{TimeShown, push_get};
use super::parameters::Parameters;
use crate::face::etcd::request::ApiRequest;
use crate::face::list_cache::{AskedList, Encoded, Made};
use crate::fairness::{Cost, Overloaded, Reservation};
use crate::model::KeyRange;
use crate::space::tree::{self, Node, Tree};
use crate::space::{Keyspace, View, node_ranges};

/// What a node of a list takes beside its name and its value, about, in bytes: in memory and in JSON.
const NODE_BYTES: usize = 512;

/// A directory, encoded: from the cache while nothing in it has changed. `None` where there is none.
pub(super) async fn list(
    request: &ApiRequest<'_>,
    parameters: &Parameters,
) -> Result<Option<Arc<Encoded>>, Overloaded> {
    let depth = if parameters.recursive { "r" } else { "-" };
    let name = format!("{depth}{}", parameters.path).into_bytes();
    let ranges = node_ranges(&parameters.path, true);
    let asked = AskedList {
        name,
        ranges: ranges.clone(),
    };
    let make = {
        let (path, recursive) = (parameters.path.clone(), parameters.recursive);
        let space = request.face.space.clone();
        move |view: &View, room: &mut Reservation| make((&space, view), &path, recursive, room)
    };
    let face = request.face;
    let weigh = |view: &View| weigh(view, &ranges);
    face.list_cache
        .get(&face.space, &request.caller, asked, weigh, make)
        .await
}

/// The work of a directory, counted up to where it is not small.
fn weigh(view: &View, ranges: &[KeyRange]) -> Cost {
    let (mut cost, mut entries, mut bytes) = (Cost::SMALL, 0, 0);
    for range in ranges {
        let (KeyRange::Exact(from) | KeyRange::Prefix(from)) = range;
        for (key, entry) in view.nodes_in(range, from) {
            entries += 1;
            bytes += key.as_bytes().len() + entry.value().len();
            cost = Cost::new(entries, bytes);
            if !cost.is_small() {
                return cost;
            }
        }
    }
    cost
}

fn make(
    (space, view): (&Keyspace, &View),
    path: &str,
    recursive: bool,
    room: &mut Reservation,
) -> Result<Option<Made>, Overloaded> {
    let node = tree::node(view, path);
    if !node.is_dir() {
        return Ok(None);
    }
    let tree = if recursive {
        room.grow(bytes_beneath(view, path))?;
        tree::tree(view, path)
    } else {
        let children = children(view, path);
        room.grow(
            children
                .iter()
                .map(|(name, child)| bytes_of(path, name, child))
                .sum(),
        )?;
        Tree { node, children }
    };
    let mut body = Vec::with_capacity(256);
    push_get(&mut body, path, &tree, recursive, &TimeShown::now(space));
    Ok(Some(Made {
        body,
        index: view.revision(),
        lasts: !counts_down(&tree),
    }))
}

/// The bytes that a directory takes with all beneath it.
fn bytes_beneath(view: &View, path: &str) -> usize {
    let mut bytes = 0;
    for range in node_ranges(path, true) {
        let (KeyRange::Exact(from) | KeyRange::Prefix(from)) = &range;
        for (key, entry) in view.nodes_in(&range, from) {
            bytes += NODE_BYTES + key.as_bytes().len() + entry.value().len();
        }
    }
    bytes
}

fn bytes_of(path: &str, name: &str, child: &Tree) -> usize {
    let value = match &child.node {
        Node::File { entry, .. } => entry.value().len(),
        Node::Absent | Node::Dir { .. } => 0,
    };
    NODE_BYTES + path.len() + name.len() + value
}

fn children(view: &View, path: &str) -> BTreeMap<String, Tree> {
    let leaf = |(name, node)| {
        let children = BTreeMap::new();
        (name, Tree { node, children })
    };
    tree::children(view, path).into_iter().map(leaf).collect()
}

/// Whether any node in it has a TTL, whose remaining seconds change with time.
fn counts_down(tree: &Tree) -> bool {
    let entry = match &tree.node {
        Node::Absent => None,
        Node::File { entry, .. } => Some(entry),
        Node::Dir { mark, .. } => mark.as_ref().map(|(_, entry)| entry),
    };
    entry.is_some_and(|entry| entry.attrs().deadline.is_some())
        || tree.children.values().any(counts_down)
}

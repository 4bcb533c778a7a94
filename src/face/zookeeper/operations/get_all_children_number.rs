//! `GetAllChildrenNumber`: how many nodes are beneath a node.

use std::collections::HashSet;

use super::reading::Reading;
use super::reply::Reply;
use crate::face::zookeeper::path::ZnodePath;
use crate::model::Key;
use crate::space::{Lookup as _, View, tree};
use crate::wire::zookeeper::ErrorCode;

/// The nodes of the server's own beneath the root, and beneath `/zookeeper`.
const BUILT_IN: [(&str, usize); 2] = [("/", 3), ("/zookeeper", 2)];

/// The reply. It goes through all of them.
pub(in crate::face::zookeeper) fn get_all_children_number(
    reading: &mut Reading<'_>,
    path: &str,
) -> Result<Reply, ErrorCode> {
    reading.listable(path)?;
    let path = ZnodePath::of_read(path).ok_or(ErrorCode::NoNode)?;
    let own = BUILT_IN.iter().find(|(own, _)| *own == path.as_str());
    let own = own.map_or(0, |(_, count)| *count);
    let count = if path.is_reserved() {
        own
    } else {
        own.saturating_add(beneath(&reading.view, path.tree_path()))
    };
    Ok(Reply::Count(i32::try_from(count).unwrap_or(i32::MAX)))
}

/// How many nodes are beneath a path, those among them that nobody wrote.
fn beneath(view: &View, path: &str) -> usize {
    let prefix = if path.is_empty() {
        Key::user("")
    } else {
        Key::user(format!("{path}/"))
    };
    let mut nodes = HashSet::new();
    for (key, _) in view.scan(&prefix) {
        let Some(node) = key.node().filter(|node| *node != path) else {
            continue;
        };
        if ZnodePath::of_tree_path(node).is_none() || !nodes.insert(node.to_owned()) {
            continue;
        }
        let above = tree::ancestors(node).filter(|above| above.len() > path.len());
        for above in above {
            if !nodes.contains(above) {
                nodes.insert(above.to_owned());
            }
        }
    }
    nodes.len()
}

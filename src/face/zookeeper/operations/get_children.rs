//! `GetChildren`, `GetChildren2`: the names of a node's children.

use super::reading::Reading;
use super::reply::Reply;
use crate::face::zookeeper::built_in::BuiltIn;
use crate::face::zookeeper::path::{ZnodePath, is_name};
use crate::space::tree;
use crate::wire::zookeeper::ErrorCode;

/// The reply; with the node's metadata where that is asked for.
pub(super) fn get_children(
    reading: &mut Reading<'_>,
    path: &str,
    with_stat: bool,
) -> Result<Reply, ErrorCode> {
    let node = reading.listable(path)?;
    let stat = with_stat.then(|| node.stat(&mut reading.view));
    let own = node.built_in().map_or(&[][..], BuiltIn::children);
    let mut names: Vec<String> = own.iter().map(|own| own.name().to_owned()).collect();
    let path = ZnodePath::of_read(path).ok_or(ErrorCode::NoNode)?;
    if !path.is_reserved() {
        let is_root = path.is_root();
        let is_shown =
            |name: &String| is_name(name) && !(is_root && name == BuiltIn::ZooKeeper.name());
        names.extend(
            tree::child_names(&reading.view, path.tree_path())
                .into_iter()
                .filter(is_shown),
        );
    }
    Ok(Reply::Children(names, stat))
}

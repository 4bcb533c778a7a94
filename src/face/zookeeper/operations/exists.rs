//! `Exists`: a node's metadata.

use super::reading::{Reading, demand_of_node};
use super::reply::Reply;
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::znode::Znode;
use crate::model::Permissions;
use crate::wire::zookeeper::{ErrorCode, WatchablePath};

/// The reply, and whether the watch is set: also where there is no node.
pub(super) fn exists(
    reading: &mut Reading<'_>,
    request: &WatchablePath,
) -> (Result<Reply, ErrorCode>, bool) {
    let Ok(path) = ZnodePath::of_exists(&request.path) else {
        return (Err(ErrorCode::BadArguments), false);
    };
    if let Some(path) = &path
        && let Err(refused) = reading.needs(|| demand_of_node(path))
    {
        return (Err(refused), false);
    }
    let node = path.and_then(|path| Znode::find(&mut reading.view, &path));
    let Some(node) = node else {
        return (Err(ErrorCode::NoNode), true);
    };
    if !node.permits(reading.identities, Permissions::READ) {
        return (Err(ErrorCode::NoAuth), false);
    }
    (Ok(Reply::Stat(node.stat(&mut reading.view))), true)
}

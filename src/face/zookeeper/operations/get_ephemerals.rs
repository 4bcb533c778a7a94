//! `GetEphemerals`: the paths of a session's ephemeral nodes.

use super::reply::Reply;
use crate::face::zookeeper::path::ZnodePath;
use crate::model::LeaseId;
use crate::space::View;
use crate::wire::zookeeper::EphemeralPrefix;

/// Those that begin with a text; all, if it is null.
pub(in crate::face::zookeeper) fn get_ephemerals(
    view: &View,
    session: LeaseId,
    prefix: &EphemeralPrefix,
) -> Reply {
    let paths = view.bound_to(session).filter_map(ZnodePath::of_key);
    let paths = paths.filter(|path| prefix.matches(path.as_str()));
    Reply::Paths(paths.map(|path| path.as_str().to_owned()).collect())
}

//! `Check`: whether a node has a version; only within a `Multi`.

use super::changer::{Changer, StepReply, compare_version};
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::znode::Znode;
use crate::model::Permissions;
use crate::space::Draft;
use crate::wire::zookeeper::{ErrorCode, VersionedPath};

/// Decides on it.
pub(super) fn check(
    draft: &mut Draft<'_>,
    changer: &Changer,
    request: &VersionedPath,
) -> Result<StepReply, ErrorCode> {
    let path = ZnodePath::parse(&request.path).map_err(|_| ErrorCode::BadArguments)?;
    let node = Znode::find(draft, &path).ok_or(ErrorCode::NoNode)?;
    changer.needs(&node, Permissions::READ)?;
    compare_version(request.version, node.version())?;
    if request.version >= 0 {
        draft.compares(&node.key());
    }
    Ok(StepReply::Checked)
}

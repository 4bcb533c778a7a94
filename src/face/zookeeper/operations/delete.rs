//! `Delete`: a node without children.

use super::changer::{Changer, StepReply, compare_version};
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::write_path::DeletePath;
use crate::face::zookeeper::znode::Znode;
use crate::model::Permissions;
use crate::space::Draft;
use crate::wire::zookeeper::{ErrorCode, VersionedPath};

/// Decides on a delete. The errors are in the order of the real server's checks.
pub(super) fn delete(
    draft: &mut Draft<'_>,
    changer: &Changer,
    request: &VersionedPath,
) -> Result<StepReply, ErrorCode> {
    let path = DeletePath::parse(&request.path).map_err(|_| ErrorCode::BadArguments)?;
    let above = path.parent().ok_or(ErrorCode::NoNode)?;
    let parent = Znode::find(draft, &above).ok_or(ErrorCode::NoNode)?;
    changer.needs(&parent, Permissions::DELETE)?;
    let path = path.node().ok_or(ErrorCode::NoNode)?;
    let node = Znode::find(draft, &path).ok_or(ErrorCode::NoNode)?;
    compare_version(request.version, node.version())?;
    // What is hidden beneath is no obstacle: it would show that it is there.
    if draft.shown_directory(path.tree_path()).children > 0 {
        return Err(ErrorCode::NotEmpty);
    }
    remove(draft, &path);
    Ok(StepReply::Deleted)
}

/// Removes a node without children, and nothing with it: a parent that nobody wrote stays.
pub(in crate::face::zookeeper) fn remove(draft: &mut Draft<'_>, path: &ZnodePath) {
    draft.keep_parent_of(path.tree_path());
    draft.delete(&path.key());
    draft.delete(&path.directory_key());
}

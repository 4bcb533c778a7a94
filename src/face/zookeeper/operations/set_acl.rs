//! `SetAcl`: a node's access list.

use super::changer::{Changer, compare_version};
use super::new_record::first_record;
use super::reply::Reply;
use crate::face::zookeeper::acl::expand;
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::znode::Znode;
use crate::model::Permissions;
use crate::space::Draft;
use crate::wire::zookeeper::{ErrorCode, SetAclRequest};

/// Decides on it. The errors are in the order of the real server's checks.
pub(super) fn set_acl(
    draft: &mut Draft<'_>,
    changer: &Changer,
    request: &SetAclRequest,
) -> Result<Reply, ErrorCode> {
    let path = ZnodePath::parse(&request.path).map_err(|_| ErrorCode::BadArguments)?;
    let list = expand(&request.acl, &changer.identities).map_err(|_| ErrorCode::InvalidAcl)?;
    let node = Znode::find(draft, &path).ok_or(ErrorCode::NoNode)?;
    changer.needs(&node, Permissions::ADMIN)?;
    compare_version(request.acl_version, node.acl_version())?;
    let key = node.key();
    let record = draft.with_access(&key, list.clone()).unwrap_or_else(|| {
        let mut record = first_record(draft, &node, &path);
        record.replace_access(list);
        record
    });
    draft.put(&key, record);
    let node = Znode::find(draft, &path).ok_or(ErrorCode::NoNode)?;
    Ok(Reply::Stat(node.stat(draft)))
}

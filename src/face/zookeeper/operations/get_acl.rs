//! `GetAcl`: a node's access list and its metadata.

use super::reading::Reading;
use super::reply::Reply;
use crate::face::zookeeper::acl::shown;
use crate::model::Permissions;
use crate::wire::zookeeper::ErrorCode;

/// The reply; hashes are hidden from whoever may not administer the node.
pub(super) fn get_acl(reading: &mut Reading<'_>, path: &str) -> Result<Reply, ErrorCode> {
    let node = reading.permitted(path, Permissions::READ_OR_ADMIN)?;
    let stat = node.stat(&mut reading.view);
    let may_administer = node.permits(reading.identities, Permissions::ADMIN);
    Ok(Reply::Acl(shown(&node.access(), may_administer), stat))
}

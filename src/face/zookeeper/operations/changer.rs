//! `Changer`: the connection for which nodes are changed, and what a change comes to.

use std::sync::Arc;

use bytes::Bytes;

use super::reply::Reply;
use crate::face::zookeeper::acl::ConnectionIdentities;
use crate::face::zookeeper::session::ClientSession;
use crate::face::zookeeper::znode::Znode;
use crate::model::Permissions;
use crate::wire::zookeeper::{CreatedReply, ErrorCode, MultiReply, Stat};

/// For whom something is changed.
#[derive(Clone, Debug)]
pub(in crate::face::zookeeper) struct Changer {
    /// The session.
    pub(in crate::face::zookeeper) session: Arc<ClientSession>,
    /// The connection's, when the request's turn came.
    pub(in crate::face::zookeeper) identities: Arc<ConnectionIdentities>,
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::face::zookeeper) enum ChangeRefusal {
    /// The operation fails.
    Error(ErrorCode),
    /// An operation of a `Multi` fails: the results of all of them.
    Multi(MultiReply),
    /// The session has ended.
    SessionEnded,
}

impl From<ErrorCode> for ChangeRefusal {
    fn from(error: ErrorCode) -> Self {
        Self::Error(error)
    }
}

/// What a step answers.
#[derive(Clone, Debug)]
pub(super) enum StepReply {
    /// The path of a node that was created, and its metadata, if the reply has it.
    Created(String, Option<Stat>),
    /// Deleted.
    Deleted,
    /// The metadata since.
    Set(Stat),
    /// As it is said to be.
    Checked,
}

impl StepReply {
    pub(super) fn into_reply(self) -> Reply {
        match self {
            Self::Created(path, None) => Reply::Path(path),
            Self::Created(path, Some(stat)) => Reply::Created(CreatedReply { path, stat }),
            Self::Deleted | Self::Checked => Reply::Empty,
            Self::Set(stat) => Reply::Stat(stat),
        }
    }
}

impl Changer {
    /// An error unless the node's list permits one of these.
    pub(super) fn needs(&self, node: &Znode, permissions: Permissions) -> Result<(), ErrorCode> {
        if node.permits(&self.identities, permissions) {
            Ok(())
        } else {
            Err(ErrorCode::NoAuth)
        }
    }
}

/// An error unless the version is the wanted one; -1 wants any.
pub(super) fn compare_version(wanted: i32, version: i32) -> Result<(), ErrorCode> {
    if wanted == -1 || wanted == version {
        Ok(())
    } else {
        Err(ErrorCode::BadVersion)
    }
}

/// Data that decisions, which may be made again, share.
pub(super) fn shared_data(data: Option<Vec<u8>>) -> Option<Bytes> {
    data.map(Bytes::from)
}

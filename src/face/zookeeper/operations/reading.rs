//! `Reading`: nodes at one revision, as a connection may read them, and what a read comes to.

use super::reply::Reply;
use crate::face::zookeeper::acl::ConnectionIdentities;
use crate::face::zookeeper::path::ZnodePath;
use crate::face::zookeeper::watch_table::WatchMode;
use crate::face::zookeeper::znode::Znode;
use crate::model::Permissions;
use crate::space::View;
use crate::wire::zookeeper::ErrorCode;

/// What is read, and for whom.
#[derive(Debug)]
pub(in crate::face::zookeeper) struct Reading<'a> {
    /// The keyspace at one revision.
    pub(in crate::face::zookeeper) view: View,
    /// The connection's.
    pub(in crate::face::zookeeper) identities: &'a ConnectionIdentities,
}

/// What a read answers, and the watches that it sets.
#[derive(Debug)]
pub(in crate::face::zookeeper) struct ReadOutcome {
    /// The record, or the error.
    pub(in crate::face::zookeeper) reply: Result<Reply, ErrorCode>,
    /// By path, as the client wrote it.
    pub(in crate::face::zookeeper) watches: Vec<(String, WatchMode)>,
}

impl ReadOutcome {
    /// Of a read that sets none.
    pub(in crate::face::zookeeper) fn without_watches(reply: Result<Reply, ErrorCode>) -> Self {
        Self::new(reply, Vec::new())
    }

    pub(super) fn new(reply: Result<Reply, ErrorCode>, watches: Vec<(String, WatchMode)>) -> Self {
        Self { reply, watches }
    }
}

impl Reading<'_> {
    /// The node at a path that may be read.
    pub(super) fn readable(&mut self, path: &str) -> Result<Znode, ErrorCode> {
        self.permitted(path, Permissions::READ)
    }

    /// The node at a path with which one of these may be done.
    pub(super) fn permitted(
        &mut self,
        path: &str,
        permissions: Permissions,
    ) -> Result<Znode, ErrorCode> {
        let path = ZnodePath::of_read(path).ok_or(ErrorCode::NoNode)?;
        let node = Znode::find(&mut self.view, &path).ok_or(ErrorCode::NoNode)?;
        if node.permits(self.identities, permissions) {
            Ok(node)
        } else {
            Err(ErrorCode::NoAuth)
        }
    }
}

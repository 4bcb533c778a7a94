//! `Reading`: nodes at one revision, as a connection may read them, and what a read comes to.

use super::reply::Reply;
use crate::face::zookeeper::acl::ConnectionIdentities;
use crate::face::zookeeper::path::{ZnodePath, tree_path};
use crate::face::zookeeper::watch_table::WatchMode;
use crate::face::zookeeper::znode::Znode;
use crate::model::{Permissions, Verb};
use crate::space::{Demand, View};
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

/// What a read of a node asks for. The root and the server's own nodes are there for everybody.
pub(super) fn demand_of_node(path: &ZnodePath) -> Demand {
    if path.is_reserved() || path.is_root() {
        Demand::AnyOf(Vec::new())
    } else {
        Demand::node(path.tree_path())
    }
}

/// What a list of a node's children asks for.
pub(in crate::face::zookeeper) fn demand_of_children(path: &ZnodePath) -> Demand {
    if path.is_reserved() {
        Demand::AnyOf(Vec::new())
    } else {
        Demand::beneath(Verb::List, path.tree_path())
    }
}

/// What a watch asks for.
pub(in crate::face::zookeeper) fn demand_of_watch(path: &str, mode: WatchMode) -> Demand {
    let Some(path) = tree_path(path) else {
        return Demand::AnyOf(Vec::new());
    };
    match mode {
        // Of the root's data everybody may know that it changed.
        WatchMode::Data if path.is_empty() => Demand::AnyOf(Vec::new()),
        WatchMode::Data => Demand::watched_node(path, false),
        WatchMode::Child => Demand::beneath(Verb::Watch, path),
        WatchMode::Persistent | WatchMode::Recursive => Demand::watched_node(path, true),
    }
}

impl Reading<'_> {
    /// An error unless the client has the right to this, whether anything is there or not.
    pub(super) fn needs(&self, demand: impl FnOnce() -> Demand) -> Result<(), ErrorCode> {
        if self.view.meets(demand) {
            Ok(())
        } else {
            Err(ErrorCode::NoAuth)
        }
    }

    /// The node at a path whose children may be listed.
    pub(super) fn listable(&mut self, path: &str) -> Result<Znode, ErrorCode> {
        if let Some(path) = ZnodePath::of_read(path) {
            self.needs(|| demand_of_children(&path))?;
        }
        self.readable(path)
    }

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
        self.needs(|| demand_of_node(&path))?;
        let node = Znode::find(&mut self.view, &path).ok_or(ErrorCode::NoNode)?;
        if node.permits(self.identities, permissions) {
            Ok(node)
        } else {
            Err(ErrorCode::NoAuth)
        }
    }
}

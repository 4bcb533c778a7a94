//! `Events`: the watches of a connection, and the events that it is sent.
//!
//! An event is sent before any reply that shows its change, and never before the reply to the request that set the watch:
//! whoever replies from a view first adds the interest, then reads the view, sends the events up to it, and only then sets
//! the watch. An event in between may use up an earlier watch of the same node: the interest stays until the new one is set.

use std::sync::Arc;

use super::output::FrameOutput;
use crate::face::zookeeper::acl::ConnectionIdentities;
use crate::face::zookeeper::face::Face;
use crate::face::zookeeper::path::{ZnodePath, tree_path};
use crate::face::zookeeper::watch_table::{WatchEventKind, WatchMode, WatchSelection, WatchTable};
use crate::face::zookeeper::znode::{Znode, entry_permits, zxid};
use crate::model::{Caller, Cause, Permissions};
use crate::space::{Interest, Interrupted, NodeChange, NodeCommit, NodeFate, Subscription};
use crate::wire::zookeeper::append_event;

/// The watches of a connection, and its subscription to the nodes that they watch.
#[derive(Debug)]
pub(super) struct Events {
    face: Arc<Face>,
    caller: Caller,
    pub(super) table: WatchTable,
    /// From the first watch on.
    subscription: Option<Subscription>,
    /// The paths of watches that are about to be set, and of those that were used up meanwhile.
    expected: Vec<String>,
    /// Events that were sent since this was asked last.
    sent: u64,
}

impl Events {
    pub(super) fn new(face: &Arc<Face>, caller: Caller) -> Self {
        Self {
            face: Arc::clone(face),
            caller,
            table: WatchTable::new(Arc::clone(&face.watch_totals)),
            subscription: None,
            expected: Vec::new(),
            sent: 0,
        }
    }

    /// Listens for changes that a watch would have events of, before the view is read that the watch is set at. Once it is set,
    /// or will not be, [`Self::tidy_expected`] is called.
    pub(super) fn expect(&mut self, path: &str, mode: WatchMode) {
        let Some(node) = watched_node(path) else {
            return;
        };
        self.expected.push(path.to_owned());
        let caller = &self.caller;
        let subscription = self
            .subscription
            .get_or_insert_with(|| self.face.space.subscribe(caller));
        let (of_node, of_children, of_tree) = match mode {
            WatchMode::Data => (true, false, false),
            WatchMode::Child => (false, true, false),
            WatchMode::Persistent => (true, true, false),
            WatchMode::Recursive => (false, false, true),
        };
        if of_node {
            subscription.add(Interest::Node(node.to_owned()));
        }
        if of_children {
            subscription.add(Interest::Children(node.to_owned()));
        }
        if of_tree {
            subscription.add(Interest::Tree(node.to_owned()));
        }
    }

    /// Listens no longer for what was expected and concerns no watch.
    pub(super) fn tidy_expected(&mut self) {
        while self.tidy_some(usize::MAX) {}
    }

    /// The same of so many paths; says whether there may be more.
    pub(super) fn tidy_some(&mut self, most: usize) -> bool {
        let from = self.expected.len().saturating_sub(most);
        for path in self.expected.split_off(from) {
            self.tidy(&path);
        }
        !self.expected.is_empty()
    }

    /// Listens no longer for what concerns no watch at this path.
    pub(super) fn tidy(&mut self, path: &str) {
        let (Some(subscription), Some(node)) = (&mut self.subscription, watched_node(path)) else {
            return;
        };
        let has = |mode| self.table.has(path, WatchSelection::Only(mode));
        let is_persistent = has(WatchMode::Persistent);
        if !is_persistent && !has(WatchMode::Data) {
            subscription.remove(&Interest::Node(node.to_owned()));
        }
        if !is_persistent && !has(WatchMode::Child) {
            subscription.remove(&Interest::Children(node.to_owned()));
        }
        if !has(WatchMode::Recursive) {
            subscription.remove(&Interest::Tree(node.to_owned()));
        }
    }

    /// Waits until there may be events to be sent.
    pub(super) async fn filled(&mut self) {
        match &mut self.subscription {
            Some(subscription) => subscription.filled().await,
            None => std::future::pending().await,
        }
    }

    /// Sends the events of all commits up to this revision, to a connection with these identities.
    ///
    /// # Errors
    ///
    /// The connection was too slow, or may see other nodes than before: it must be closed, and the client sets its watches
    /// again on the next.
    pub(super) fn send_up_to(
        &mut self,
        revision: u64,
        identities: &ConnectionIdentities,
        output: &mut FrameOutput,
    ) -> Result<(), Interrupted> {
        while let Some(subscription) = &mut self.subscription {
            match subscription.next_up_to(revision) {
                None => return Ok(()),
                Some(Ok(commit)) => self.send_commit(&commit, identities, output),
                Some(Err(interrupted)) => return Err(interrupted),
            }
        }
        Ok(())
    }

    /// How many events were sent since this was asked last.
    pub(super) fn take_sent(&mut self) -> u64 {
        std::mem::take(&mut self.sent)
    }

    fn send_commit(
        &mut self,
        commit: &NodeCommit,
        identities: &ConnectionIdentities,
        output: &mut FrameOutput,
    ) {
        // A write of an access list alone, and a TTL that begins anew, are no change to a watch.
        if commit.cause() == Cause::Refresh || self.table.is_empty() {
            return;
        }
        let number = zxid(commit.revision());
        for change in commit.nodes() {
            let Some(path) = ZnodePath::of_tree_path(change.path) else {
                continue;
            };
            let kind = match change.fate {
                NodeFate::Came => WatchEventKind::Created,
                NodeFate::Went => WatchEventKind::Deleted,
                NodeFate::Written => WatchEventKind::DataChanged,
            };
            if self.fire(kind, &path) && may_read(&change, identities) {
                self.send(number, kind, &path, output);
            }
            if kind.changes_parent()
                && let Some(parent) = path.parent()
                && self.fire(WatchEventKind::ChildrenChanged, &parent)
                && self.may_read_node(&parent, identities)
            {
                self.send(number, WatchEventKind::ChildrenChanged, &parent, output);
            }
        }
    }

    fn fire(&mut self, kind: WatchEventKind, path: &ZnodePath) -> bool {
        let fires = self.table.fire(kind, path.as_str());
        if fires && self.expected.is_empty() {
            self.tidy(path.as_str());
        } else if fires {
            // It may be the path of a watch that is about to be set, which must hear of what the view does not show.
            self.expected.push(path.as_str().to_owned());
        }
        fires
    }

    fn send(
        &mut self,
        zxid: i64,
        kind: WatchEventKind,
        path: &ZnodePath,
        output: &mut FrameOutput,
    ) {
        // A path came in a request, so it is short enough for an event.
        let _too_long = append_event(output.frames(), zxid, kind.number(), path.as_str());
        self.sent += 1;
    }

    /// Whether a node, whose children changed, may be read. An event of one that is gone by now reveals nothing that
    /// that of its own deletion does not.
    fn may_read_node(&self, path: &ZnodePath, identities: &ConnectionIdentities) -> bool {
        let mut view = self.face.space.read(&self.caller);
        Znode::find(&mut view, path).is_none_or(|node| node.permits(identities, Permissions::READ))
    }
}

/// Whether a node may be read by who gets the event of its change: as it is since, or was before it went.
fn may_read(change: &NodeChange<'_>, identities: &ConnectionIdentities) -> bool {
    let entry = match change.fate {
        NodeFate::Went => change.before(),
        NodeFate::Came | NodeFate::Written => change.now(),
    };
    entry.is_none_or(|entry| entry_permits(entry, identities, Permissions::READ))
}

/// The tree path of a node that may come to be at a path.
fn watched_node(path: &str) -> Option<&str> {
    tree_path(path)
}

//! `SetWatches`: the watches of an earlier connection, set again, and the events that it missed.

use super::{WatchEventKind, WatchMode};
use crate::wire::zookeeper::{SetWatches2Request, Stat};

/// What a client's watches of a node depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeZxids {
    /// The zxid of the last change of its data: `Stat::modified`.
    pub(crate) modified: i64,
    /// The zxid of the last change of the names of its children: `Stat::children_modified`.
    pub(crate) children_modified: i64,
}

impl NodeZxids {
    /// Those of a node with this metadata.
    pub(crate) fn of(stat: &Stat) -> Self {
        Self {
            modified: stat.modified,
            children_modified: stat.children_modified,
        }
    }
}

/// An event that is sent at once. Its zxid is -1: which change it was is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MissedEvent {
    /// What happened.
    pub(crate) kind: WatchEventKind,
    /// The node.
    pub(crate) path: String,
}

/// What becomes of watches that are set again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchesSetAgain {
    /// The events that are sent before the reply, in this order.
    pub(crate) missed: Vec<MissedEvent>,
    /// The watches that are set.
    pub(crate) armed: Vec<(String, WatchMode)>,
}

impl WatchesSetAgain {
    /// Sets watches again. Those whose node has changed since the client's last zxid fire at once instead. `find` looks a path up
    /// that no node need have, the empty one being the root's.
    pub(crate) fn of(
        request: SetWatches2Request,
        mut find: impl FnMut(&str) -> Option<NodeZxids>,
    ) -> Self {
        let since = request.once.relative_zxid;
        let Self {
            mut missed,
            mut armed,
        } = Self::default();
        let mut arm =
            |path: String, mode: WatchMode, happened: Option<WatchEventKind>| match happened {
                Some(kind) => missed.push(MissedEvent { kind, path }),
                None => armed.push((path, mode)),
            };
        for path in request.once.data {
            let happened = match find(&path) {
                None => Some(WatchEventKind::Deleted),
                Some(node) if node.modified > since => Some(WatchEventKind::DataChanged),
                Some(_) => None,
            };
            arm(path, WatchMode::Data, happened);
        }
        for path in request.once.exist {
            let happened = find(&path).map(|_| WatchEventKind::Created);
            arm(path, WatchMode::Data, happened);
        }
        for path in request.once.child {
            let happened = match find(&path) {
                None => Some(WatchEventKind::Deleted),
                Some(node) if node.children_modified > since => {
                    Some(WatchEventKind::ChildrenChanged)
                }
                Some(_) => None,
            };
            arm(path, WatchMode::Child, happened);
        }
        for path in request.persistent {
            arm(path, WatchMode::Persistent, None);
        }
        for path in request.recursive {
            arm(path, WatchMode::Recursive, None);
        }
        Self { missed, armed }
    }
}

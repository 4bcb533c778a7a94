//! `WatchEventKind`: the change of a node that an event of a watch names.

use crate::wire::zookeeper::event_kind;

/// A change of a node, as an event names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum WatchEventKind {
    /// The node was created.
    Created,
    /// The node was deleted.
    Deleted,
    /// Its data was set, to equal bytes too.
    DataChanged,
    /// A node directly beneath it was created or deleted.
    ChildrenChanged,
}

impl WatchEventKind {
    /// Its number in an event.
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Created => event_kind::CREATED,
            Self::Deleted => event_kind::DELETED,
            Self::DataChanged => event_kind::DATA_CHANGED,
            Self::ChildrenChanged => event_kind::CHILDREN_CHANGED,
        }
    }

    /// Whether it changes the children of the node above, whose watches get
    /// [`ChildrenChanged`](Self::ChildrenChanged) next.
    pub(crate) fn changes_parent(self) -> bool {
        match self {
            Self::Created | Self::Deleted => true,
            Self::DataChanged | Self::ChildrenChanged => false,
        }
    }
}

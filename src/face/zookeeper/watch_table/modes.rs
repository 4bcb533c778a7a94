//! `WatchModes`: the watches of one connection at one path.

use super::event_kind::WatchEventKind;
use crate::wire::zookeeper::{PERSISTENT, PERSISTENT_RECURSIVE};

/// A kind of watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchMode {
    /// Of the node and its data: fires once. Set by `Exists` and `GetData`.
    Data,
    /// Of the names of its children: fires once. Set by `GetChildren` and `GetChildren2`.
    Child,
    /// Of the node, its data and the names of its children: fires each time.
    Persistent,
    /// Of the node and all beneath it, and their data: fires each time.
    Recursive,
}

/// The watches that `CheckWatches` and `RemoveWatches` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WatchSelection {
    /// Those of one kind.
    Only(WatchMode),
    /// All.
    Any,
}

/// A set of kinds of watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct WatchModes(u8);

impl WatchMode {
    /// The kind that `AddWatch` asks for by this number; `None` is a marshalling error.
    pub(crate) fn of_add_watch(mode: i32) -> Option<Self> {
        match mode {
            PERSISTENT => Some(Self::Persistent),
            PERSISTENT_RECURSIVE => Some(Self::Recursive),
            _ => None,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Data => 1,
            Self::Child => 2,
            Self::Persistent => 4,
            Self::Recursive => 8,
        }
    }
}

impl WatchSelection {
    /// The watches that this number means; `None` is a marshalling error.
    pub(crate) fn of_number(kind: i32) -> Option<Self> {
        Some(match kind {
            1 => Self::Only(WatchMode::Child),
            2 => Self::Only(WatchMode::Data),
            3 => Self::Any,
            4 => Self::Only(WatchMode::Persistent),
            5 => Self::Only(WatchMode::Recursive),
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Only(mode) => mode.bit(),
            Self::Any => u8::MAX,
        }
    }
}

impl WatchModes {
    pub(super) fn add(&mut self, mode: WatchMode) {
        self.0 |= mode.bit();
    }

    pub(super) fn has(self, selection: WatchSelection) -> bool {
        self.0 & selection.bits() != 0
    }

    pub(super) fn is_recursive(self) -> bool {
        self.has(WatchSelection::Only(WatchMode::Recursive))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn remove(&mut self, selection: WatchSelection) {
        self.0 &= !selection.bits();
    }

    /// Fires the watches that a change of the node itself concerns, and removes those that fire once. Returns whether there
    /// was one.
    pub(super) fn fire(&mut self, kind: WatchEventKind) -> bool {
        let (once, always) = match kind {
            WatchEventKind::Created | WatchEventKind::DataChanged => (
                WatchMode::Data.bit(),
                WatchMode::Persistent.bit() | WatchMode::Recursive.bit(),
            ),
            WatchEventKind::Deleted => (
                WatchMode::Data.bit() | WatchMode::Child.bit(),
                WatchMode::Persistent.bit() | WatchMode::Recursive.bit(),
            ),
            WatchEventKind::ChildrenChanged => {
                (WatchMode::Child.bit(), WatchMode::Persistent.bit())
            }
        };
        let fires = self.0 & (once | always) != 0;
        self.0 &= !once;
        fires
    }

    /// How many changes they listen for: those of the node, of its children, and of all beneath.
    pub(super) fn interests(self) -> usize {
        let of_node = WatchMode::Data.bit() | WatchMode::Persistent.bit();
        let of_children = WatchMode::Child.bit() | WatchMode::Persistent.bit();
        let all = [of_node, of_children, WatchMode::Recursive.bit()];
        all.into_iter().filter(|bits| self.0 & bits != 0).count()
    }

    /// How many watches ZooKeeper counts: it keeps those of data and those of children in two tables, and a persistent one
    /// in both. Several at one path of one table are one.
    pub(super) fn count(self) -> usize {
        let of_children = WatchMode::Child.bit() | WatchMode::Persistent.bit();
        usize::from(self.is_of_data()) + usize::from(self.0 & of_children != 0)
    }

    /// Whether ZooKeeper keeps one of them in its table of data, which `wchs` counts.
    pub(super) fn is_of_data(self) -> bool {
        self.0 & !WatchMode::Child.bit() != 0
    }
}

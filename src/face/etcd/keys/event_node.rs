//! Node of an event or of a read: its content, deadline and indexes at one moment.

use axum::body::Bytes;

use crate::model::{Deadline, Entry};
use crate::space::tree::Node;

/// A node at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EventNode {
    /// Its path, without slashes at its ends.
    pub(super) path: String,
    /// Its content.
    pub(super) content: NodeContent,
    /// The end of its TTL, where it has one.
    pub(super) deadline: Option<Deadline>,
    /// The moment, in milliseconds since 1970: `ttl` is the time from there to the deadline.
    pub(super) as_of_ms: i64,
    /// `modifiedIndex`
    pub(super) modified: u64,
    /// `createdIndex`; 0 where it is unknown.
    pub(super) created: u64,
}

/// The content of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeContent {
    /// A value.
    File(Bytes),
    /// Other nodes.
    Dir,
    /// None: the node was deleted.
    Gone {
        /// It was a directory.
        was_dir: bool,
    },
}

/// The index of a directory, both `createdIndex` and `modifiedIndex`. etcd never changes them, not even with the TTL.
/// An implied directory has the `createdIndex` of the first entry beneath it.
pub(super) fn dir_index(mark: Option<&Entry>, first: Option<&Entry>) -> u64 {
    mark.map(Entry::placed)
        .or(first.map(Entry::created))
        .unwrap_or_default()
}

impl EventNode {
    /// How long its value is, in bytes.
    pub(super) fn value_len(&self) -> usize {
        match &self.content {
            NodeContent::File(value) => value.len(),
            NodeContent::Dir | NodeContent::Gone { .. } => 0,
        }
    }

    /// A value.
    pub(super) fn file(path: &str, entry: &Entry, as_of_ms: i64) -> Self {
        Self {
            path: path.to_owned(),
            content: NodeContent::File(entry.value().clone()),
            deadline: entry.attrs().deadline.map(Deadline::as_written),
            as_of_ms,
            modified: entry.index(),
            created: entry.placed(),
        }
    }

    /// A directory with its own entry, if it has one, and the first entry beneath it.
    pub(super) fn dir(
        path: &str,
        mark: Option<&Entry>,
        first: Option<&Entry>,
        as_of_ms: i64,
    ) -> Self {
        let index = dir_index(mark, first);
        Self {
            path: path.to_owned(),
            content: NodeContent::Dir,
            deadline: mark
                .and_then(|mark| mark.attrs().deadline)
                .map(Deadline::as_written),
            as_of_ms,
            modified: index,
            created: index,
        }
    }

    /// A node of the tree; `None` where there is none.
    pub(super) fn of_node(path: &str, node: &Node, as_of_ms: i64) -> Option<Self> {
        match node {
            Node::Absent => None,
            Node::File { entry, .. } => Some(Self::file(path, entry, as_of_ms)),
            Node::Dir { mark, first } => {
                let mark = mark.as_ref().map(|(_, entry)| entry.as_ref());
                Some(Self::dir(path, mark, first.as_deref(), as_of_ms))
            }
        }
    }

    /// A node that was deleted.
    pub(super) fn gone(path: &str, was_dir: bool, modified: u64, created: u64) -> Self {
        Self {
            path: path.to_owned(),
            content: NodeContent::Gone { was_dir },
            deadline: None,
            as_of_ms: 0,
            modified,
            created,
        }
    }
}

//! Finding a node, or saying in etcd's words why there is none.

use std::sync::Arc;

use super::request::KeysRequest;
use crate::face::etcd::error::{Code, Error};
use crate::model::{Entry, Key, KeyRange};
use crate::space::tree::{self, Node, NotDir};
use crate::space::{Coverage, Lookup, Visibility, node_ranges};

/// What stands at the path; an error where nothing does.
pub(super) fn find(space: &impl Lookup, path: &str) -> Result<Node, Error> {
    match tree::node(space, path) {
        Node::Absent => Err(absent(space, path)),
        node @ (Node::File { .. } | Node::Dir { .. }) => Ok(node),
    }
}

/// Why nothing stands at the path: the first node on the way that is missing, or that is no directory.
pub(super) fn absent(space: &impl Lookup, path: &str) -> Error {
    for above in tree::ancestors(path) {
        match tree::node_on_the_way(space, above) {
            Node::Absent => return Error::at(Code::KeyNotFound, above),
            Node::File { .. } => return Error::at(Code::NotDir, above),
            Node::Dir { .. } => {}
        }
    }
    Error::at(Code::KeyNotFound, path)
}

/// Whether everything at the path and beneath it is hidden. Reads of it are forbidden then, be anything there or not.
pub(super) fn is_hidden(visibility: &Visibility, path: &str) -> bool {
    let hidden = |range: &KeyRange| visibility.covers(range) == Coverage::None;
    !matches!(visibility, Visibility::All) && node_ranges(path, true).iter().all(hidden)
}

/// A value stands where a directory is needed.
pub(super) fn not_dir(NotDir(path): NotDir) -> Error {
    Error::at(Code::NotDir, &path)
}

/// The error of every change to the root.
pub(super) fn root_is_read_only() -> Error {
    Error::new(Code::RootReadOnly, "/")
}

/// The value at the path that is to be compared, if it is as the request expects.
pub(super) fn compared(
    space: &impl Lookup,
    asked: &KeysRequest,
) -> Result<(Key, Arc<Entry>), Error> {
    let Node::File { key, entry } = find(space, &asked.path)? else {
        return Err(Error::at(Code::NotFile, &asked.path));
    };
    let index_holds = asked.prev_index == 0 || asked.prev_index == entry.index();
    let value_holds = asked.prev_value.is_empty() || asked.prev_value == *entry.value();
    if index_holds && value_holds {
        return Ok((key, entry));
    }
    let mut cause = Vec::new();
    if !value_holds {
        push_difference(&mut cause, &asked.prev_value, entry.value());
    }
    if !index_holds {
        if !value_holds {
            cause.push(b' ');
        }
        let (expected, there) = (asked.prev_index.to_string(), entry.index().to_string());
        push_difference(&mut cause, expected.as_bytes(), there.as_bytes());
    }
    Err(Error::new(Code::TestFailed, cause))
}

fn push_difference(out: &mut Vec<u8>, expected: &[u8], there: &[u8]) {
    for part in [b"[", expected, b" != ", there, b"]"] {
        out.extend_from_slice(part);
    }
}

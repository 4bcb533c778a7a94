//! Lookup of a node, with etcd's errors where there is none or where it differs from the expected one.

use std::sync::Arc;

use super::parameters::Parameters;
use super::watch_scope::WatchScope;
use crate::face::etcd::error::{V2Error, V2ErrorCode};
use crate::model::{Caller, Entry, Key};
use crate::space::tree::{self, Node, NotDir};
use crate::space::{Demand, Denied, Keyspace, Lookup};

/// The node at the path; an error where there is none.
pub(super) fn find(space: &impl Lookup, path: &str) -> Result<Node, V2Error> {
    match tree::node(space, path) {
        Node::Absent => Err(absent(space, path)),
        node @ (Node::File { .. } | Node::Dir { .. }) => Ok(node),
    }
}

/// The error where no node is at the path: for the first of its parents that is missing or that is no directory,
/// otherwise for the path.
pub(super) fn absent(space: &impl Lookup, path: &str) -> V2Error {
    for above in tree::ancestors(path) {
        match tree::node_on_the_way(space, above) {
            Node::Absent => return V2Error::at(V2ErrorCode::KeyNotFound, above),
            Node::File { .. } => return V2Error::at(V2ErrorCode::NotDir, above),
            Node::Dir { .. } => {}
        }
    }
    V2Error::at(V2ErrorCode::KeyNotFound, path)
}

/// Refuses reads of a path where everything at the path and beneath it is hidden, whether anything is there or not, or the access
/// list of the node there does not permit them.
pub(super) fn check_readable(space: &Keyspace, caller: &Caller, path: &str) -> Result<(), Denied> {
    check(space, caller, path, || Demand::node(path))
}

/// The same of watches.
pub(super) fn check_watchable(
    space: &Keyspace,
    caller: &Caller,
    scope: &WatchScope,
) -> Result<(), Denied> {
    let WatchScope { path, recursive } = scope;
    check(space, caller, path, || {
        Demand::watched_node(path, *recursive)
    })
}

fn check(
    space: &Keyspace,
    caller: &Caller,
    path: &str,
    demand: impl FnOnce() -> Demand,
) -> Result<(), Denied> {
    space.asks(caller, demand)?;
    if space.read(caller).reads_node(path) {
        Ok(())
    } else {
        Err(Denied::Forbidden(format!("the access list of {path}")))
    }
}

/// The error where a parent is a value.
pub(super) fn not_dir(NotDir(path): NotDir) -> V2Error {
    V2Error::at(V2ErrorCode::NotDir, &path)
}

/// The error of every change to the root.
pub(super) fn root_is_read_only() -> V2Error {
    V2Error::new(V2ErrorCode::RootReadOnly, "/")
}

/// The value at the path, if its index and value are those that the request expects (`prevIndex`, `prevValue`).
pub(super) fn compare(
    space: &impl Lookup,
    parameters: &Parameters,
) -> Result<(Key, Arc<Entry>), V2Error> {
    let Node::File { key, entry } = find(space, &parameters.path)? else {
        return Err(V2Error::at(V2ErrorCode::NotFile, &parameters.path));
    };
    let Matches { index, value } = matches(parameters, &entry);
    if index && value {
        return Ok((key, entry));
    }
    Err(V2Error::differs(entry))
}

/// The cause of the error where the value at the path is not what the request expects: what was expected, and what is.
pub(super) fn difference(parameters: &Parameters, entry: &Entry) -> Vec<u8> {
    let Matches { index, value } = matches(parameters, entry);
    let mut cause = Vec::new();
    if !value {
        push_difference(&mut cause, &parameters.prev_value, entry.value());
    }
    if !index {
        if !value {
            cause.push(b' ');
        }
        let (expected, actual) = (parameters.prev_index.to_string(), entry.index().to_string());
        push_difference(&mut cause, expected.as_bytes(), actual.as_bytes());
    }
    cause
}

/// Which of its expectations an entry meets.
struct Matches {
    index: bool,
    value: bool,
}

fn matches(parameters: &Parameters, entry: &Entry) -> Matches {
    Matches {
        index: parameters.prev_index == 0 || parameters.prev_index == entry.index(),
        value: parameters.prev_value.is_empty() || parameters.prev_value == *entry.value(),
    }
}

fn push_difference(out: &mut Vec<u8>, expected: &[u8], actual: &[u8]) {
    for part in [b"[", expected, b" != ", actual, b"]"] {
        out.extend_from_slice(part);
    }
}

//! The errors of a session.

use crate::transfer::Error;

/// The server does not answer as ZooKeeper does.
pub(super) fn unexpected(server: &str, why: &str) -> Error {
    Error::Refused(format!(
        "this is not what ZooKeeper answers ({server}): {why}"
    ))
}

/// The session was lost.
pub(super) fn lost(server: &str, why: &str) -> Error {
    Error::Unreachable(format!(
        "lost the session with ZooKeeper at {server}: {why}; run this again"
    ))
}

/// The server is silent.
pub(super) fn silent(server: &str) -> Error {
    lost(server, "it does not answer")
}

/// A reply is longer than the most bytes that are read.
pub(super) fn too_long(server: &str, length: i32, most_bytes: usize) -> Error {
    let mib = most_bytes >> 20;
    Error::Refused(format!(
        "ZooKeeper at {server} has an answer of {length} bytes, and {mib} MiB is the most that is read: \
         if a node has millions of children, delete some of them first"
    ))
}

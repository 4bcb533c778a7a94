//! Callers: on whose behalf the keyspace is read or changed.

use std::net::SocketAddr;

use super::credentials::Credentials;
use super::face_name::FaceName;

/// On whose behalf the keyspace is read or changed; the guard decides by it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client of a face.
    Client {
        /// The protocol it speaks.
        face: FaceName,
        /// Where it came from.
        peer: SocketAddr,
        /// What it proved.
        credentials: Credentials,
    },
    /// A person who runs a command of kubekv on the store itself, such as `kubekv import`. Sees everything; its writes
    /// are bounded in size as a client's are.
    Operator,
    /// The gateway itself: expiry, redo, bookkeeping. Sees everything; its writes are not bounded, because what ends
    /// must be able to end.
    System,
}

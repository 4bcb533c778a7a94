//! Who is asking.

use std::net::SocketAddr;

use super::face_name::FaceName;

/// On whose behalf the keyspace is read or changed; the guard decides by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client of a face.
    Client {
        /// The protocol it speaks.
        face: FaceName,
        /// Where it came from.
        peer: SocketAddr,
    },
    /// The gateway itself: expiry, redo, bookkeeping.
    System,
}

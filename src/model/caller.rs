//! Callers: on whose behalf the keyspace is read or changed.

use std::net::SocketAddr;

use super::face_name::FaceName;
use super::principal::Principal;

/// On whose behalf the keyspace is read or changed; the guard decides by it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A client of a face.
    Client {
        /// The protocol it speaks.
        face: FaceName,
        /// Where it came from.
        peer: SocketAddr,
        /// Who it proved to be.
        principal: Principal,
    },
    /// A person who runs a command of kubekv on the store itself, such as `kubekv import`. Sees everything; its writes
    /// are bounded in size as a client's are.
    Operator,
    /// The gateway itself: expiry, redo, bookkeeping. Sees everything; its writes are not bounded, because what ends
    /// must be able to end.
    System,
}

impl Caller {
    /// Who it proved to be; anonymous where it is no client.
    pub fn principal(&self) -> &Principal {
        match self {
            Self::Client { principal, .. } => principal,
            Self::Operator | Self::System => &Principal::Anonymous,
        }
    }
}

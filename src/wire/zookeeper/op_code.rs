//! Operation codes of requests, and the reserved `xid`s.

/// The operations that are implemented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    /// Returns whether a node exists.
    Exists,
    /// Returns a node's data.
    GetData,
    /// Returns a node's access list.
    GetAcl,
    /// Waits until the server has caught up with the leader.
    Sync,
    /// Keeps a session alive.
    Ping,
    /// Returns the names of a node's children, and its [`Stat`](super::Stat).
    GetChildren2,
    /// Authenticates the client.
    Auth,
    /// Ends a session.
    CloseSession,
}

/// All operations.
const ALL: [OpCode; 8] = [
    OpCode::Exists,
    OpCode::GetData,
    OpCode::GetAcl,
    OpCode::Sync,
    OpCode::Ping,
    OpCode::GetChildren2,
    OpCode::Auth,
    OpCode::CloseSession,
];

impl OpCode {
    /// The number of the operation.
    pub fn number(self) -> i32 {
        match self {
            Self::Exists => 3,
            Self::GetData => 4,
            Self::GetAcl => 6,
            Self::Sync => 9,
            Self::Ping => 11,
            Self::GetChildren2 => 12,
            Self::Auth => 100,
            Self::CloseSession => -11,
        }
    }

    /// The operation with a number.
    pub fn of(number: i32) -> Option<Self> {
        ALL.into_iter().find(|op| op.number() == number)
    }
}

/// The reserved `xid`s.
pub mod xid {
    /// An event of a watch.
    pub const EVENT: i32 = -1;
    /// A ping.
    pub const PING: i32 = -2;
    /// An [`AuthPacket`](super::super::AuthPacket).
    pub const AUTH: i32 = -4;
}

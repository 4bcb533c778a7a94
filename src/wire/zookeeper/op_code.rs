//! What is asked for.

/// The kinds of requests that are spoken here, by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Whether a node is there.
    Exists,
    /// A node's bytes.
    GetData,
    /// Who may do what with a node.
    GetAcl,
    /// That a server has caught up with the leader.
    Sync,
    /// That a session lives on.
    Ping,
    /// The names of a node's children, and its [`Stat`](super::Stat).
    GetChildren2,
    /// Who a client is.
    Auth,
    /// The end of a session.
    CloseSession,
}

/// All of them.
const ALL: [Op; 8] = [
    Op::Exists,
    Op::GetData,
    Op::GetAcl,
    Op::Sync,
    Op::Ping,
    Op::GetChildren2,
    Op::Auth,
    Op::CloseSession,
];

impl Op {
    /// Its number.
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

    /// The one with a number.
    pub fn of(number: i32) -> Option<Self> {
        ALL.into_iter().find(|op| op.number() == number)
    }
}

/// The numbers that requests and replies of a kind have instead of one of their own.
pub mod xid {
    /// An event of a watch.
    pub const EVENT: i32 = -1;
    /// A ping.
    pub const PING: i32 = -2;
    /// An [`AuthPacket`](super::super::AuthPacket).
    pub const AUTH: i32 = -4;
}

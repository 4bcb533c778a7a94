//! Operation codes of requests, and the reserved `xid`s.

/// The operations of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    /// Creates a node; answers with its path.
    Create,
    /// Deletes a node.
    Delete,
    /// Returns whether a node exists.
    Exists,
    /// Returns a node's data.
    GetData,
    /// Replaces a node's data.
    SetData,
    /// Returns a node's access list.
    GetAcl,
    /// Replaces a node's access list.
    SetAcl,
    /// Returns the names of a node's children.
    GetChildren,
    /// Waits until the server has caught up with the leader.
    Sync,
    /// Keeps a session alive.
    Ping,
    /// Returns the names of a node's children, and its [`Stat`](super::Stat).
    GetChildren2,
    /// Compares a node's version; only within `Multi`.
    Check,
    /// Does several operations, or none of them.
    Multi,
    /// Creates a node; answers with its path and its [`Stat`](super::Stat).
    Create2,
    /// Changes the members of the ensemble.
    Reconfig,
    /// Returns whether a watch exists.
    CheckWatches,
    /// Removes a watch.
    RemoveWatches,
    /// Creates a node that is deleted after its last child.
    CreateContainer,
    /// Deletes a container; only servers do it.
    DeleteContainer,
    /// Creates a node that is deleted when it was neither changed nor a parent for a time.
    CreateTtl,
    /// Reads several nodes.
    MultiRead,
    /// Authenticates the client.
    Auth,
    /// Sets the watches of an earlier connection again.
    SetWatches,
    /// Authenticates the client in steps.
    Sasl,
    /// Returns the paths of the session's ephemeral nodes.
    GetEphemerals,
    /// Returns how many nodes are beneath a node.
    GetAllChildrenNumber,
    /// Sets the watches of an earlier connection again, persistent ones too.
    SetWatches2,
    /// Adds a watch that stays until it is removed.
    AddWatch,
    /// Returns the identities of the client.
    WhoAmI,
    /// Ends a session.
    CloseSession,
}

/// All operations.
const ALL: [OpCode; 30] = [
    OpCode::Create,
    OpCode::Delete,
    OpCode::Exists,
    OpCode::GetData,
    OpCode::SetData,
    OpCode::GetAcl,
    OpCode::SetAcl,
    OpCode::GetChildren,
    OpCode::Sync,
    OpCode::Ping,
    OpCode::GetChildren2,
    OpCode::Check,
    OpCode::Multi,
    OpCode::Create2,
    OpCode::Reconfig,
    OpCode::CheckWatches,
    OpCode::RemoveWatches,
    OpCode::CreateContainer,
    OpCode::DeleteContainer,
    OpCode::CreateTtl,
    OpCode::MultiRead,
    OpCode::Auth,
    OpCode::SetWatches,
    OpCode::Sasl,
    OpCode::GetEphemerals,
    OpCode::GetAllChildrenNumber,
    OpCode::SetWatches2,
    OpCode::AddWatch,
    OpCode::WhoAmI,
    OpCode::CloseSession,
];

impl OpCode {
    /// The number of the operation.
    pub const fn number(self) -> i32 {
        match self {
            Self::Create => 1,
            Self::Delete => 2,
            Self::Exists => 3,
            Self::GetData => 4,
            Self::SetData => 5,
            Self::GetAcl => 6,
            Self::SetAcl => 7,
            Self::GetChildren => 8,
            Self::Sync => 9,
            Self::Ping => 11,
            Self::GetChildren2 => 12,
            Self::Check => 13,
            Self::Multi => 14,
            Self::Create2 => 15,
            Self::Reconfig => 16,
            Self::CheckWatches => 17,
            Self::RemoveWatches => 18,
            Self::CreateContainer => 19,
            Self::DeleteContainer => 20,
            Self::CreateTtl => 21,
            Self::MultiRead => 22,
            Self::Auth => 100,
            Self::SetWatches => 101,
            Self::Sasl => 102,
            Self::GetEphemerals => 103,
            Self::GetAllChildrenNumber => 104,
            Self::SetWatches2 => 105,
            Self::AddWatch => 106,
            Self::WhoAmI => 107,
            Self::CloseSession => -11,
        }
    }

    /// Whether a server takes a null path for the path of no node, as it takes other paths that no node can have. To the others it
    /// is a marshalling error.
    pub(super) const fn takes_null_paths(self) -> bool {
        match self {
            Self::SetData
            | Self::SetAcl
            | Self::Sync
            | Self::CheckWatches
            | Self::RemoveWatches
            | Self::AddWatch => true,
            Self::Create
            | Self::Delete
            | Self::Exists
            | Self::GetData
            | Self::GetAcl
            | Self::GetChildren
            | Self::Ping
            | Self::GetChildren2
            | Self::Check
            | Self::Multi
            | Self::Create2
            | Self::Reconfig
            | Self::CreateContainer
            | Self::DeleteContainer
            | Self::CreateTtl
            | Self::MultiRead
            | Self::Auth
            | Self::SetWatches
            | Self::Sasl
            | Self::GetEphemerals
            | Self::GetAllChildrenNumber
            | Self::SetWatches2
            | Self::WhoAmI
            | Self::CloseSession => false,
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
    /// Watches that are set again.
    pub const SET_WATCHES: i32 = -8;
}

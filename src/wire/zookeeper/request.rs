//! `ClientRequest`: the request of one frame, decoded as the server decodes it.

use super::{
    AddWatchRequest, AuthPacket, ClientChange, EphemeralPrefix, JuteReader, JuteRecord, Malformed,
    MultiRequest, NodePath, OpCode, RequestHeader, SetWatches2Request, SetWatchesRequest,
    WatchablePath, WatcherPath,
};

/// The longest request that a server reads, in bytes without the length before it: Java's `jute.maxbuffer`.
pub const LONGEST_REQUEST: usize = 0xf_ffff;

/// A request of a client, by its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRequest {
    /// Changes nodes.
    Change(ClientChange),
    /// Returns a node's `Stat`.
    Exists(WatchablePath),
    /// Returns a node's data and its `Stat`.
    GetData(WatchablePath),
    /// Returns a node's access list and its `Stat`.
    GetAcl(NodePath),
    /// Returns the names of a node's children.
    GetChildren(WatchablePath),
    /// Returns the names of a node's children, and its `Stat`.
    GetChildren2(WatchablePath),
    /// Waits until the server has caught up with the leader.
    Sync(NodePath),
    /// Keeps the session alive.
    Ping,
    /// Does each of these reads.
    MultiRead(MultiRequest),
    /// Returns whether a watch exists.
    CheckWatches(WatcherPath),
    /// Removes a watch.
    RemoveWatches(WatcherPath),
    /// Sets the watches of an earlier connection again.
    SetWatches(SetWatches2Request),
    /// Adds a watch that stays until it is removed.
    AddWatch(AddWatchRequest),
    /// Adds an identity to the connection.
    Auth(AuthPacket),
    /// Returns the paths of the session's ephemeral nodes.
    GetEphemerals(EphemeralPrefix),
    /// Returns how many nodes are beneath a node.
    GetAllChildrenNumber(NodePath),
    /// Returns the identities of the connection.
    WhoAmI,
    /// Ends the session.
    CloseSession,
    /// An operation that the server knows and refuses whatever it says: `Check` outside of a multi, `DeleteContainer`,
    /// `Reconfig`, `Sasl`.
    Refused(OpCode),
    /// An operation that the server does not know, by its number.
    Unknown(i32),
}

/// Decodes the frame of a request.
///
/// An error of the inner result has an answer, `MarshallingError`, and the connection goes on.
///
/// # Errors
///
/// Where there is no answer and the connection ends: without a header, and for an `Auth` that does not decode.
pub fn decode_request(
    frame: &[u8],
) -> Result<(RequestHeader, Result<ClientRequest, Malformed>), Malformed> {
    let mut from = JuteReader::lenient(frame);
    let header = RequestHeader::read(&mut from)?;
    let op = OpCode::of(header.op);
    if op.is_some_and(OpCode::takes_null_paths) {
        from.take_null_paths();
    }
    let request = match op {
        Some(OpCode::Auth) => Ok(ClientRequest::read(OpCode::Auth, &mut from)?),
        Some(op) => ClientRequest::read(op, &mut from),
        None => Ok(ClientRequest::Unknown(header.op)),
    };
    Ok((header, request))
}

impl ClientRequest {
    /// Decodes the record of an operation; the bytes after it stay in the reader.
    fn read(op: OpCode, from: &mut JuteReader<'_>) -> Result<Self, Malformed> {
        Ok(match op {
            OpCode::Create => Self::Change(ClientChange::Create(JuteRecord::read(from)?)),
            OpCode::Create2 => Self::Change(ClientChange::Create2(JuteRecord::read(from)?)),
            OpCode::CreateContainer => {
                Self::Change(ClientChange::CreateContainer(JuteRecord::read(from)?))
            }
            OpCode::CreateTtl => Self::Change(ClientChange::CreateTtl(JuteRecord::read(from)?)),
            OpCode::Delete => Self::Change(ClientChange::Delete(JuteRecord::read(from)?)),
            OpCode::Exists => Self::Exists(JuteRecord::read(from)?),
            OpCode::GetData => Self::GetData(JuteRecord::read(from)?),
            OpCode::SetData => Self::Change(ClientChange::SetData(JuteRecord::read(from)?)),
            OpCode::GetAcl => Self::GetAcl(JuteRecord::read(from)?),
            OpCode::SetAcl => Self::Change(ClientChange::SetAcl(JuteRecord::read(from)?)),
            OpCode::GetChildren => Self::GetChildren(JuteRecord::read(from)?),
            OpCode::GetChildren2 => Self::GetChildren2(JuteRecord::read(from)?),
            OpCode::Sync => Self::Sync(JuteRecord::read(from)?),
            OpCode::Ping => Self::Ping,
            OpCode::Multi => Self::Change(ClientChange::Multi(MultiRequest::read_changes(from)?)),
            OpCode::MultiRead => Self::MultiRead(MultiRequest::read_reads(from)?),
            OpCode::CheckWatches => Self::CheckWatches(JuteRecord::read(from)?),
            OpCode::RemoveWatches => Self::RemoveWatches(JuteRecord::read(from)?),
            OpCode::SetWatches => Self::SetWatches(SetWatches2Request {
                once: SetWatchesRequest::read(from)?,
                ..SetWatches2Request::default()
            }),
            OpCode::SetWatches2 => Self::SetWatches(JuteRecord::read(from)?),
            OpCode::AddWatch => Self::AddWatch(JuteRecord::read(from)?),
            OpCode::Auth => Self::Auth(JuteRecord::read(from)?),
            OpCode::GetEphemerals => Self::GetEphemerals(JuteRecord::read(from)?),
            OpCode::GetAllChildrenNumber => Self::GetAllChildrenNumber(JuteRecord::read(from)?),
            OpCode::WhoAmI => Self::WhoAmI,
            OpCode::CloseSession => Self::CloseSession,
            OpCode::Reconfig => {
                // Members that join, that leave, and all of them; then the version of the present ones.
                let _members = [from.text()?, from.text()?, from.text()?];
                from.long()?;
                Self::Refused(op)
            }
            OpCode::Check | OpCode::DeleteContainer | OpCode::Sasl => Self::Refused(op),
        })
    }
}

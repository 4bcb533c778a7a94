//! ZooKeeper's wire protocol: records in its serialization ("jute"), in frames with a length prefix.
//!
//! A connection begins with a [`ConnectRequest`] and a [`ConnectResponse`]. Then the client sends a [`RequestHeader`] and
//! the request's record in one frame, and the server answers with a [`ReplyHeader`] and the reply's record, in the order of
//! the requests. Both headers have an `xid`; those below 0 are reserved ([`xid`]).

mod change;
mod client_change;
mod connect;
mod create;
mod error_code;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod jute;
mod lists;
mod multi;
mod multi_header;
mod op_code;
mod records;
mod reply;
mod request;
mod stat;
#[cfg(test)]
mod tests;
mod watches;

pub use change::{SetAclRequest, SetDataRequest, VersionedPath};
pub use client_change::ClientChange;
pub use connect::{ConnectRequest, ConnectResponse, Secret};
pub use create::{CreateRequest, CreateTtlRequest, CreatedReply, create_flags};
pub use error_code::ErrorCode;
pub use frame::{BadLength, take_frame};
pub use jute::{JuteReader, JuteRecord, JuteWriter, Malformed, TooLong, append_frame};
pub use lists::{ChildNames, EphemeralPaths, EphemeralPrefix, Identities, NodeCount};
pub use multi::{MultiOperation, MultiReply, MultiRequest, MultiResult};
pub use op_code::{OpCode, xid};
pub use records::{
    AclEntry, AclReply, AuthPacket, ChildrenReply, DataReply, NodePath, ReplyHeader, RequestHeader,
    WatchablePath,
};
pub use reply::{append_error, append_event, append_ping, append_reply};
pub use request::{ClientRequest, LONGEST_REQUEST, decode_request};
pub use stat::Stat;
pub use watches::{
    AddWatchRequest, ErrorReply, PERSISTENT, PERSISTENT_RECURSIVE, SetWatches2Request,
    SetWatchesRequest, WatcherEvent, WatcherPath, event_kind,
};

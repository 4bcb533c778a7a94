//! ZooKeeper's protocol on the wire: records in its serialization ("jute"), in frames that say their length.
//!
//! A connection begins with a [`ConnectRequest`] and a [`ConnectResponse`]. Then a client sends a [`RequestHeader`] with
//! the request's record in one frame, and is sent a [`ReplyHeader`] with that of the answer, in the order of the requests.
//! Both have an `xid`; those below 0 are given ([`xid`]).

mod connect;
mod error_code;
mod frame;
mod jute;
mod op_code;
mod records;
mod stat;
#[cfg(test)]
mod tests;

pub use connect::{ConnectRequest, ConnectResponse, Secret};
pub use error_code::Code;
pub use frame::{BadLength, take};
pub use jute::{Malformed, Reader, Record, TooLong, Writer};
pub use op_code::{Op, xid};
pub use records::{
    AclEntry, AclReply, AuthPacket, ChildrenReply, DataReply, Path, ReplyHeader, RequestHeader,
    WatchedPath,
};
pub use stat::Stat;

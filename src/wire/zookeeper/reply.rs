//! Frames of a server: replies, events and pings, appended to what is sent next.

use super::{
    ErrorCode, JuteRecord, JuteWriter, ReplyHeader, TooLong, WatcherEvent, append_frame, xid,
};

/// The state of the session in every event: connected.
const CONNECTED: i32 = 3;

/// Appends the reply to a request that succeeded; `body` writes its record, or nothing where it has none. A reply that is
/// too long for the protocol (2 GiB) leaves the buffer as it was.
pub fn append_reply(
    buffer: &mut Vec<u8>,
    xid: i32,
    zxid: i64,
    body: impl FnOnce(&mut JuteWriter),
) -> Result<(), TooLong> {
    append_frame(buffer, |to| {
        ReplyHeader {
            xid,
            zxid,
            error: 0,
        }
        .write(to);
        body(to);
    })
}

/// Appends the reply to a request that failed: it has no body.
pub fn append_error(buffer: &mut Vec<u8>, xid: i32, zxid: i64, error: ErrorCode) {
    let header = ReplyHeader {
        xid,
        zxid,
        error: error.number(),
    };
    append_header(buffer, header);
}

/// Appends the answer to a ping.
pub fn append_ping(buffer: &mut Vec<u8>, zxid: i64) {
    let header = ReplyHeader {
        xid: xid::PING,
        zxid,
        error: 0,
    };
    append_header(buffer, header);
}

/// Appends an event of a watch: its kind, one of [`event_kind`](super::event_kind), the node, and the zxid of the change.
///
/// The zxid is -1 where no single change is known. An event whose path is too long for the protocol (2 GiB) leaves the buffer as it was.
pub fn append_event(buffer: &mut Vec<u8>, zxid: i64, kind: i32, path: &str) -> Result<(), TooLong> {
    append_reply(buffer, xid::EVENT, zxid, |to| {
        WatcherEvent::write_parts(to, kind, CONNECTED, path);
    })
}

/// A frame of a header alone, which has one length and cannot be too long.
fn append_header(buffer: &mut Vec<u8>, header: ReplyHeader) {
    buffer.extend(HEADER_BYTES.to_be_bytes());
    buffer.extend(header.xid.to_be_bytes());
    buffer.extend(header.zxid.to_be_bytes());
    buffer.extend(header.error.to_be_bytes());
}

/// The bytes of a header.
const HEADER_BYTES: i32 = 16;

//! `Opening`: a connection that asks for a session.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;

use crate::face::server::{Connection, ServerContext, Stopping, Stream};
use crate::face::zookeeper::face::Face;
use crate::model::Caller;
use crate::wire::zookeeper::{ConnectResponse, JuteRecord as _, TooLong, append_frame};

/// A connection that asks for a session.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) face: Arc<Face>,
    pub(super) stream: Stream,
    pub(super) input: BytesMut,
    pub(super) ends: Connection,
    pub(super) caller: Caller,
    pub(super) server: Arc<ServerContext>,
    pub(super) stopping: Stopping,
}

/// The frame of a handshake's answer.
pub(super) fn frame(response: &ConnectResponse) -> io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    append_frame(&mut frame, |to| response.write(to))
        .map_err(|TooLong| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(frame)
}

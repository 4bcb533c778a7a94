//! `ScriptedServer`: the server's end of a connection in memory.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::super::{PipelinedSession, SessionOptions};
use crate::wire::zookeeper::{
    ConnectRequest, ConnectResponse, JuteReader, JuteRecord, JuteWriter, NodePath, ReplyHeader,
    RequestHeader, Secret, WatcherEvent, append_frame, take_frame, xid,
};

pub(super) struct ScriptedServer {
    pub(super) stream: DuplexStream,
    input: BytesMut,
}

pub(super) fn ends() -> (DuplexStream, ScriptedServer) {
    let (client, stream) = duplex(1 << 16);
    let input = BytesMut::new();
    (client, ScriptedServer { stream, input })
}

/// A session with this timeout, and the server's end of it.
pub(super) async fn session(timeout: Duration) -> (PipelinedSession, ScriptedServer) {
    let (client, mut server) = ends();
    let options = SessionOptions::default();
    let opening = PipelinedSession::open(client, &options);
    let timeout_ms = i32::try_from(timeout.as_millis()).unwrap();
    let (session, _request) = tokio::join!(opening, server.welcome(timeout_ms));
    (session.unwrap(), server)
}

pub(super) fn frame(write: impl FnOnce(&mut JuteWriter)) -> Vec<u8> {
    let mut bytes = Vec::new();
    append_frame(&mut bytes, write).unwrap();
    bytes
}

pub(super) fn reply(xid: i32, error: i32, record: &impl JuteRecord) -> Vec<u8> {
    let zxid = i64::from(xid) + 100;
    frame(|to| {
        ReplyHeader { xid, zxid, error }.write(to);
        record.write(to);
    })
}

pub(super) fn event(kind: i32, path: &str) -> Vec<u8> {
    let event = WatcherEvent {
        kind,
        state: 3,
        path: path.to_owned(),
    };
    let (xid, zxid) = (xid::EVENT, -1);
    frame(|to| {
        let error = 0;
        ReplyHeader { xid, zxid, error }.write(to);
        event.write(to);
    })
}

impl ScriptedServer {
    /// The next frame; `None` if the client has gone.
    pub(super) async fn frame(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(frame) = take_frame(&mut self.input, 1 << 20).unwrap() {
                return Some(frame.to_vec());
            }
            if self.stream.read_buf(&mut self.input).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// The header of the next request, and the path that it begins with.
    pub(super) async fn request(&mut self) -> Option<(RequestHeader, String)> {
        let frame = self.frame().await?;
        let mut from = JuteReader::new(&frame);
        let header = RequestHeader::read(&mut from).unwrap();
        let path = NodePath::read(&mut from).map_or_else(|_| String::new(), |path| path.0);
        Some((header, path))
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        // The client may have gone.
        let _sent = self.stream.write_all(bytes).await;
    }

    /// Answers the handshake; returns the client's part of it, as bytes.
    pub(super) async fn welcome(&mut self, timeout_ms: i32) -> Vec<u8> {
        let bytes = self.frame().await.unwrap();
        let request = ConnectRequest::parse(&bytes).unwrap();
        let response = ConnectResponse {
            version: 0,
            timeout_ms,
            session: 7,
            password: Secret(vec![7; 16]),
            read_only: request.read_only.map(|_| false),
        };
        self.send(&frame(|to| response.write(to))).await;
        bytes
    }
}

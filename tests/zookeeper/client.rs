//! A client that sends what it is told to, byte for byte, and keeps what it gets in order.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use kubekv::wire::zookeeper::{
    AclEntry, AddWatchRequest, AuthPacket, ChildrenReply, ConnectRequest, ConnectResponse,
    CreateRequest, CreatedReply, DataReply, ErrorCode, JuteReader, JuteRecord, JuteWriter,
    MultiOperation, MultiReply, MultiRequest, MultiResult, NodePath, OpCode, ReplyHeader,
    RequestHeader, Secret, SetDataRequest, Stat, VersionedPath, WatchablePath, WatcherEvent,
    take_frame, xid,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    input: BytesMut,
    xid: i32,
    /// Events that came before the last reply, oldest first: kind and path.
    pub(crate) events: Vec<(i32, String)>,
    pub(crate) response: ConnectResponse,
    /// Of the last reply.
    pub(crate) zxid: i64,
}

/// What everybody may do.
pub(crate) fn open() -> Vec<AclEntry> {
    vec![acl(31, "world", "anyone")]
}

pub(crate) fn acl(permissions: i32, scheme: &str, id: &str) -> AclEntry {
    AclEntry {
        permissions,
        scheme: scheme.to_owned(),
        id: id.to_owned(),
    }
}

/// A request for a new session of 10 s, as Java's clients make it.
pub(crate) fn new_session() -> ConnectRequest {
    ConnectRequest {
        version: 0,
        last_zxid: 0,
        timeout_ms: 10_000,
        session: 0,
        password: Secret(vec![0; 16]),
        read_only: Some(false),
    }
}

/// A request for a session that a client had.
pub(crate) fn again(response: &ConnectResponse) -> ConnectRequest {
    ConnectRequest {
        session: response.session,
        password: response.password.clone(),
        ..new_session()
    }
}

pub(crate) fn create_of(path: &str, data: Option<&[u8]>, flags: i32) -> CreateRequest {
    CreateRequest {
        path: path.to_owned(),
        data: data.map(<[u8]>::to_vec),
        acl: open(),
        flags,
    }
}

pub(crate) fn watchable(path: &str, watch: bool) -> WatchablePath {
    let path = path.to_owned();
    WatchablePath { path, watch }
}

pub(crate) fn versioned(path: &str, version: i32) -> VersionedPath {
    let path = path.to_owned();
    VersionedPath { path, version }
}

pub(crate) fn data_of(path: &str, data: &[u8], version: i32) -> SetDataRequest {
    SetDataRequest {
        path: path.to_owned(),
        data: Some(data.to_vec()),
        version,
    }
}

/// The frame of a request.
pub(crate) fn request_frame(xid: i32, op: i32, record: &impl JuteRecord) -> Vec<u8> {
    let mut to = JuteWriter::default();
    RequestHeader { xid, op }.write(&mut to);
    record.write(&mut to);
    to.frame().unwrap()
}

fn framed(record: &impl JuteRecord) -> Vec<u8> {
    let mut to = JuteWriter::default();
    record.write(&mut to);
    to.frame().unwrap()
}

/// The next frame; `None` where the connection was closed.
async fn next_frame(stream: &mut TcpStream, input: &mut BytesMut) -> Option<Bytes> {
    loop {
        if let Some(frame) = take_frame(input, 1 << 30).unwrap() {
            return Some(frame);
        }
        if stream.read_buf(input).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

impl Client {
    /// With a new session.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let client = Self::connect_with(address, &new_session()).await.unwrap();
        assert_ne!(client.response.session, 0);
        client
    }

    /// With this request; `None` where it is closed without an answer.
    pub(crate) async fn connect_with(
        address: SocketAddr,
        request: &ConnectRequest,
    ) -> Option<Self> {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&framed(request)).await.unwrap();
        let mut input = BytesMut::new();
        let frame = next_frame(&mut stream, &mut input).await?;
        let response = ConnectResponse::parse(&frame).unwrap();
        assert_eq!(response.read_only.is_some(), request.read_only.is_some());
        Some(Self {
            stream,
            input,
            xid: 0,
            events: Vec::new(),
            response,
            zxid: 0,
        })
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Sends a request; its number.
    pub(crate) async fn send(&mut self, op: OpCode, record: &impl JuteRecord) -> i32 {
        self.xid += 1;
        let frame = request_frame(self.xid, op.number(), record);
        self.send_bytes(&frame).await;
        self.xid
    }

    /// The next reply or event; `None` where the connection was closed.
    pub(crate) async fn frame(&mut self) -> Option<(ReplyHeader, Bytes)> {
        let frame = next_frame(&mut self.stream, &mut self.input).await?;
        let mut from = JuteReader::new(&frame);
        let header = ReplyHeader::read(&mut from).unwrap();
        let body = frame.slice_ref(from.rest());
        Some((header, body))
    }

    /// The next reply; events before it are kept. `None` where the connection was closed.
    pub(crate) async fn reply(&mut self) -> Option<(ReplyHeader, Bytes)> {
        loop {
            let (header, body) = self.frame().await?;
            if header.xid != xid::EVENT {
                self.zxid = header.zxid;
                return Some((header, body));
            }
            let event = WatcherEvent::parse(&body).unwrap();
            assert_eq!(event.state, 3);
            self.events.push((event.kind, event.path));
        }
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> (i32, String) {
        if self.events.is_empty() {
            let (header, body) = self.frame().await.unwrap();
            assert_eq!(header.xid, xid::EVENT);
            let event = WatcherEvent::parse(&body).unwrap();
            return (event.kind, event.path);
        }
        self.events.remove(0)
    }

    /// Sends a request; the record of its reply, or the error.
    pub(crate) async fn call(
        &mut self,
        op: OpCode,
        record: &impl JuteRecord,
    ) -> Result<Bytes, ErrorCode> {
        let sent = self.send(op, record).await;
        let (header, body) = self.reply().await.expect("the connection was closed");
        assert_eq!(header.xid, sent);
        match ErrorCode::of(header.error) {
            None => Ok(body),
            Some(error) => {
                assert!(body.is_empty(), "an error with a body");
                Err(error)
            }
        }
    }

    /// As [`Self::call`], with the reply decoded.
    pub(crate) async fn ask<T: JuteRecord>(
        &mut self,
        op: OpCode,
        record: &impl JuteRecord,
    ) -> Result<T, ErrorCode> {
        let body = self.call(op, record).await?;
        Ok(T::parse(&body).unwrap())
    }

    pub(crate) async fn create(
        &mut self,
        path: &str,
        data: &[u8],
        flags: i32,
    ) -> Result<String, ErrorCode> {
        let request = create_of(path, Some(data), flags);
        let made: NodePath = self.ask(OpCode::Create, &request).await?;
        Ok(made.0)
    }

    pub(crate) async fn create2(
        &mut self,
        path: &str,
        data: &[u8],
        flags: i32,
    ) -> Result<CreatedReply, ErrorCode> {
        self.ask(OpCode::Create2, &create_of(path, Some(data), flags))
            .await
    }

    pub(crate) async fn delete(&mut self, path: &str, version: i32) -> Result<(), ErrorCode> {
        self.ask(OpCode::Delete, &versioned(path, version)).await
    }

    pub(crate) async fn stat(&mut self, path: &str) -> Result<Stat, ErrorCode> {
        self.exists(path, false).await
    }

    pub(crate) async fn exists(&mut self, path: &str, watch: bool) -> Result<Stat, ErrorCode> {
        self.ask(OpCode::Exists, &watchable(path, watch)).await
    }

    pub(crate) async fn get(&mut self, path: &str, watch: bool) -> Result<DataReply, ErrorCode> {
        self.ask(OpCode::GetData, &watchable(path, watch)).await
    }

    pub(crate) async fn set(
        &mut self,
        path: &str,
        data: &[u8],
        version: i32,
    ) -> Result<Stat, ErrorCode> {
        self.ask(OpCode::SetData, &data_of(path, data, version))
            .await
    }

    /// The names of the children, sorted.
    pub(crate) async fn children(
        &mut self,
        path: &str,
        watch: bool,
    ) -> Result<Vec<String>, ErrorCode> {
        let reply: ChildrenReply = self
            .ask(OpCode::GetChildren2, &watchable(path, watch))
            .await?;
        let mut names = reply.names;
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) async fn multi(&mut self, all: Vec<MultiOperation>) -> Vec<MultiResult> {
        let reply: MultiReply = self.ask(OpCode::Multi, &MultiRequest(all)).await.unwrap();
        reply.0
    }

    pub(crate) async fn add_watch(&mut self, path: &str, mode: i32) {
        let path = path.to_owned();
        let request = AddWatchRequest { path, mode };
        let body = self.call(OpCode::AddWatch, &request).await.unwrap();
        assert_eq!(&body[..], [0; 4]);
    }

    /// Adds an identity; the error, if it is refused.
    pub(crate) async fn auth(&mut self, scheme: &str, credentials: &[u8]) -> i32 {
        let packet = AuthPacket {
            kind: 0,
            scheme: scheme.to_owned(),
            credentials: Some(Secret(credentials.to_vec())),
        };
        let frame = request_frame(xid::AUTH, OpCode::Auth.number(), &packet);
        self.send_bytes(&frame).await;
        let (header, _) = self.reply().await.unwrap();
        assert_eq!((header.xid, header.zxid), (xid::AUTH, 0));
        header.error
    }

    /// Waits until all is told that happened before: the events since the last reply.
    pub(crate) async fn told(&mut self) -> Vec<(i32, String)> {
        let path = NodePath("/".to_owned());
        self.call(OpCode::Sync, &path).await.unwrap();
        std::mem::take(&mut self.events)
    }

    /// Ends the session.
    pub(crate) async fn close(mut self) {
        self.call(OpCode::CloseSession, &()).await.unwrap();
        assert!(self.frame().await.is_none());
    }
}

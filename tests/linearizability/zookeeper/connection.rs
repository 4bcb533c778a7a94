//! Session connection: the frames of one session in the order in which they arrive, over connection after connection.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kubekv::wire::zookeeper::{
    ConnectRequest, ConnectResponse, JuteReader, JuteRecord, JuteWriter, OpCode, ReplyHeader,
    RequestHeader, Secret, take_frame,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::gateway::handle::{Endpoints, GatewayHandle};

/// How long a gateway has for the answer to a connection request: one without a leader holds it.
const HANDSHAKE: Duration = Duration::from_secs(2);

/// A session that cannot be attached for so long is a failure of the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a connection was attached to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// The session is new.
    New,
    /// The session is the one from before.
    Again,
    /// The session from before has ended. Another attachment makes a new one.
    Ended,
}

/// A reply or an event.
#[derive(Clone, Debug)]
pub struct Frame {
    pub header: ReplyHeader,
    pub body: Bytes,
}

#[derive(Debug)]
struct OpenConnection {
    stream: TcpStream,
    input: BytesMut,
    endpoints: Endpoints,
}

/// A session, and its connection while that is open.
#[derive(Debug)]
pub struct SessionConnection {
    gateway: GatewayHandle,
    timeout: Duration,
    identity: Option<(i64, Secret)>,
    /// The last zxid of a reply.
    pub last_zxid: i64,
    open: Option<OpenConnection>,
    xid: i32,
}

impl SessionConnection {
    /// A session with a timeout, not yet opened.
    pub fn new(gateway: GatewayHandle, timeout: Duration) -> Self {
        Self {
            gateway,
            timeout,
            identity: None,
            last_zxid: 0,
            open: None,
            xid: 0,
        }
    }

    /// The session's timeout in nanoseconds.
    pub fn timeout_ns(&self) -> u64 {
        u64::try_from(self.timeout.as_nanos()).unwrap()
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The generation of the gateway that receives the next request.
    pub fn generation(&self) -> usize {
        let open = self.open.as_ref().expect("an open connection");
        self.gateway.generation(open.endpoints)
    }

    /// Connects to a gateway that answers, with the session from before or a new one. Panics after a minute.
    pub async fn attach(&mut self) -> Attachment {
        let end = Instant::now() + PATIENCE;
        let response = loop {
            assert!(Instant::now() < end, "no session for a minute");
            if let Ok(Some(response)) = timeout(HANDSHAKE, self.try_attach()).await {
                break response;
            }
            self.open = None;
            self.gateway.endpoints_changed().await;
        };
        let before = self.identity.take();
        if response.session == 0 {
            assert!(before.is_some(), "a new session was refused");
            (self.open, self.last_zxid) = (None, 0);
            return Attachment::Ended;
        }
        let how = match before {
            None => Attachment::New,
            Some((id, _)) => {
                assert_eq!(id, response.session, "another's session");
                Attachment::Again
            }
        };
        self.identity = Some((response.session, response.password));
        how
    }

    /// One attempt. `None` where the connection is closed without an answer.
    async fn try_attach(&mut self) -> Option<ConnectResponse> {
        let endpoints = self.gateway.endpoints();
        let stream = TcpStream::connect(endpoints.zookeeper).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (session, password) = match &self.identity {
            Some((id, password)) => (*id, password.clone()),
            None => (0, Secret(vec![0; 16])),
        };
        self.open = Some(OpenConnection {
            stream,
            input: BytesMut::new(),
            endpoints,
        });
        self.send_frame(&ConnectRequest {
            version: 0,
            last_zxid: self.last_zxid,
            timeout_ms: i32::try_from(self.timeout.as_millis()).unwrap(),
            session,
            password,
            read_only: Some(false),
        })
        .await?;
        let frame = self.raw_frame().await?;
        Some(ConnectResponse::parse(&frame).unwrap())
    }

    async fn send_frame(&mut self, record: &impl JuteRecord) -> Option<()> {
        let mut to = JuteWriter::default();
        record.write(&mut to);
        self.send_bytes(&to.frame().unwrap()).await
    }

    async fn send_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let open = self.open.as_mut()?;
        open.stream.write_all(bytes).await.ok()
    }

    /// Appends a request to what [`Self::send`] sends; returns its number.
    pub fn append(&mut self, op: OpCode, body: &[u8], to: &mut Vec<u8>) -> i32 {
        self.xid += 1;
        let xid = self.xid;
        Self::append_as(xid, op, body, to);
        xid
    }

    /// The same with a number that has a meaning of its own.
    pub fn append_as(xid: i32, op: OpCode, body: &[u8], to: &mut Vec<u8>) {
        let mut header = JuteWriter::default();
        let op = op.number();
        RequestHeader { xid, op }.write(&mut header);
        let mut frame = header.frame().unwrap();
        let length = u32::try_from(frame.len() - 4 + body.len()).unwrap();
        frame[..4].copy_from_slice(&length.to_be_bytes());
        to.extend_from_slice(&frame);
        to.extend_from_slice(body);
    }

    /// Sends requests. A broken connection is noticed by [`Self::frame`].
    pub async fn send(&mut self, requests: &[u8]) {
        let _broken = self.send_bytes(requests).await;
    }

    /// The next reply or event. `None` where the connection broke, or nothing came in this time; then it is closed.
    pub async fn frame(&mut self, patience: Duration) -> Option<Frame> {
        let frame = timeout(patience, self.raw_frame()).await.ok().flatten();
        let Some(frame) = frame else {
            self.close();
            return None;
        };
        let mut from = JuteReader::new(&frame);
        let header = ReplyHeader::read(&mut from).unwrap();
        let body = frame.slice_ref(from.rest());
        Some(Frame { header, body })
    }

    async fn raw_frame(&mut self) -> Option<Bytes> {
        let open = self.open.as_mut()?;
        loop {
            if let Some(frame) = take_frame(&mut open.input, 1 << 30).unwrap() {
                return Some(frame);
            }
            if open.stream.read_buf(&mut open.input).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// Closes the connection without a word, as a client that dies does; the session goes on.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Forgets the session, which has ended.
    pub fn forget(&mut self) {
        (self.open, self.identity, self.last_zxid) = (None, None, 0);
    }
}

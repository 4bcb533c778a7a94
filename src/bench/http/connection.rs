//! A connection that carries one request at a time.

use std::pin::Pin;
use std::task::{Context, Waker};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::body::{Body, ChunkDecoder};
use super::head::{BodyEnd, ResponseHead};
use super::{HttpRequest, HttpResponse};
use crate::bench::TargetStream;
use crate::bench::client::Failure;
use crate::bench::target::{LoadTarget, TargetProtocol, TargetServer};

/// The buffer for responses that a new connection has, in bytes: thousands of parked polls hold one each.
const INPUT_BYTES: usize = 1024;

/// The most bytes that one read of a longer body takes.
const MOST_INPUT_BYTES: u64 = 64 << 10;

/// The most interim responses (1xx) before the one that counts.
const MOST_INTERIM: usize = 16;

/// A kept-alive connection to one server.
#[derive(Debug)]
pub struct HttpConnection {
    stream: TargetStream,
    /// The header lines of every request.
    common: Vec<u8>,
    output: Vec<u8>,
    input: BytesMut,
    /// Whether no further request can be sent.
    is_closed: bool,
    /// The stream of events, while one is received.
    events: Option<(ChunkDecoder, Body)>,
}

impl HttpConnection {
    /// Connects to a server; the number of the connection chooses its source address.
    pub async fn open(
        target: &LoadTarget,
        server: &TargetServer,
        number: u64,
    ) -> Result<Self, Failure> {
        let stream = target.connect(server, number).await?;
        Ok(Self::over(stream, common(target, &server.name)))
    }

    fn over(stream: TargetStream, common: Vec<u8>) -> Self {
        Self {
            stream,
            common,
            output: Vec::new(),
            input: BytesMut::with_capacity(INPUT_BYTES),
            is_closed: false,
            events: None,
        }
    }

    /// Whether the server or a failure ended the connection.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the connection has ended while it was unused, as far as is known without waiting.
    pub fn has_ended(&mut self) -> bool {
        if self.is_closed || self.events.is_some() {
            return self.is_closed;
        }
        let mut byte = [0_u8; 1];
        let mut unexpected = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        // Bytes that nobody asked for are no better than the end.
        let read = Pin::new(&mut self.stream).poll_read(&mut context, &mut unexpected);
        self.is_closed = read.is_ready();
        self.is_closed
    }

    /// Sends a request and receives its response. A future that is dropped leaves the connection closed.
    pub async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpResponse, Failure> {
        let head = self.begin(request).await?;
        let response = self.response(head, request.is_counted).await?;
        // Bytes that nobody asked for would be taken for the answer of the next request.
        self.is_closed = head.is_last || !self.input.is_empty();
        Ok(response)
    }

    /// Sends a request whose answer is an endless body of events; [`Self::next_event`] receives them, and nothing else can be
    /// sent on this connection. A refusal is the response that it is.
    pub async fn send_for_events(
        &mut self,
        request: &HttpRequest<'_>,
    ) -> Result<Option<HttpResponse>, Failure> {
        let head = self.begin(request).await?;
        if head.status != 200 || head.body != BodyEnd::Chunks {
            return Ok(Some(self.response(head, false).await?));
        }
        let _head = self.input.split_to(head.length);
        self.events = Some((ChunkDecoder::default(), Body::kept()));
        self.is_closed = false;
        Ok(None)
    }

    /// The bytes of the event that arrives next, a line.
    pub async fn next_event(&mut self) -> Result<Bytes, Failure> {
        loop {
            let Some((decoder, body)) = &mut self.events else {
                return Err(closed());
            };
            let is_over = decoder.take(&mut self.input, body)?;
            if let Some(event) = body.take_line() {
                return Ok(event);
            }
            if is_over {
                return Err(Failure::Connection("the stream ended".to_owned()));
            }
            self.receive(0).await?;
        }
    }

    /// Sends a request and receives the head of its response.
    async fn begin(&mut self, request: &HttpRequest<'_>) -> Result<ResponseHead, Failure> {
        if std::mem::replace(&mut self.is_closed, true) || self.events.is_some() {
            return Err(closed());
        }
        self.output.clear();
        request.write(&self.common, &mut self.output);
        self.stream.write_all(&self.output).await?;
        self.stream.flush().await?;
        for _ in 0..=MOST_INTERIM {
            let head = self.head().await?;
            if head.status >= 200 {
                return Ok(head);
            }
            let _interim = self.input.split_to(head.length);
        }
        let why = "no end of interim responses".to_owned();
        Err(Failure::BadAnswer(why))
    }

    async fn head(&mut self) -> Result<ResponseHead, Failure> {
        loop {
            if let Some(head) = ResponseHead::parse(&self.input)? {
                return Ok(head);
            }
            self.receive(0).await?;
        }
    }

    async fn response(
        &mut self,
        head: ResponseHead,
        is_counted: bool,
    ) -> Result<HttpResponse, Failure> {
        let bytes = self.input.split_to(head.length).freeze();
        // A refusal is quoted.
        let mut body = if is_counted && head.status < 300 {
            Body::counted()
        } else {
            Body::kept()
        };
        match head.body {
            BodyEnd::Length(length) => {
                let mut left = length;
                loop {
                    left = left.saturating_sub(body.take(&mut self.input, left)?);
                    if left == 0 {
                        break;
                    }
                    self.receive(left).await?;
                }
            }
            BodyEnd::Chunks => {
                let mut decoder = ChunkDecoder::default();
                while !decoder.take(&mut self.input, &mut body)? {
                    self.receive(body.length()).await?;
                }
            }
            BodyEnd::Close => loop {
                body.take(&mut self.input, u64::MAX)?;
                self.reserve(body.length());
                if self.stream.read_buf(&mut self.input).await? == 0 {
                    break;
                }
            },
        }
        Ok(HttpResponse {
            status: head.status,
            head: bytes,
            length: body.length(),
            body: body.into_kept(),
        })
    }

    /// Receives what has arrived, at least a byte; as many as this may be to come.
    async fn receive(&mut self, expected: u64) -> Result<(), Failure> {
        self.reserve(expected);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(Failure::Connection("closed by the server".to_owned())),
            _ => Ok(()),
        }
    }

    /// Makes room for a read. No more than a part of what a server promises: it may promise anything.
    fn reserve(&mut self, expected: u64) {
        let room = usize::try_from(expected.min(MOST_INPUT_BYTES)).unwrap_or(INPUT_BYTES);
        let is_full = self.input.capacity() == self.input.len();
        if is_full || room > INPUT_BYTES {
            self.input.reserve(room.max(INPUT_BYTES));
        }
    }
}

fn closed() -> Failure {
    Failure::Connection("closed".to_owned())
}

/// The header lines that Go's clients send with every request, and the credentials.
fn common(target: &LoadTarget, host: &str) -> Vec<u8> {
    let mut lines = format!("Host: {host}\r\nUser-Agent: Go-http-client/1.1\r\n");
    if target.accepts_gzip {
        lines.push_str("Accept-Encoding: gzip\r\n");
    }
    if let Some(token) = &target.credentials.token {
        let header = match target.protocol {
            TargetProtocol::Kubernetes => "Authorization: Bearer ",
            TargetProtocol::Consul
            | TargetProtocol::Etcd2
            | TargetProtocol::Etcd3
            | TargetProtocol::ZooKeeper => "X-Consul-Token: ",
        };
        lines.extend([header, token, "\r\n"]);
    }
    if let Some((user, password)) = &target.credentials.user {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        lines.extend(["Authorization: Basic ", &pair, "\r\n"]);
    }
    lines.into_bytes()
}

//! A connection that carries one request at a time.

use std::pin::Pin;
use std::task::{Context, Waker};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};

use super::body::ChunkDecoder;
use super::head::{BodyEnd, ResponseHead};
use super::{HttpRequest, HttpResponse};
use crate::bench::TargetStream;
use crate::bench::client::Failure;
use crate::bench::target::{LoadTarget, TargetServer};

/// The buffer for responses that a new connection has, in bytes: thousands of parked polls hold one each.
const INPUT_BYTES: usize = 1024;

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
    /// The decoder of a stream of events, while one is received.
    events: Option<ChunkDecoder>,
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
        let mut byte = [0_u8; 1];
        let mut unexpected = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        // Bytes that nobody asked for are no better than the end.
        let read = Pin::new(&mut self.stream).poll_read(&mut context, &mut unexpected);
        self.is_closed |= read.is_ready();
        self.is_closed
    }

    /// Sends a request and receives its response. A future that is dropped leaves the connection closed.
    pub async fn send(&mut self, request: &HttpRequest<'_>) -> Result<HttpResponse, Failure> {
        let head = self.begin(request).await?;
        let response = self.response(head).await?;
        self.is_closed = head.is_last;
        Ok(response)
    }

    /// Sends a request whose answer is an endless body of events; [`Self::next_events`] receives them, and nothing else can be
    /// sent on this connection. A refusal is the response that it is.
    pub async fn send_for_events(
        &mut self,
        request: &HttpRequest<'_>,
    ) -> Result<Option<HttpResponse>, Failure> {
        let head = self.begin(request).await?;
        if head.status != 200 || head.body != BodyEnd::Chunks {
            return Ok(Some(self.response(head).await?));
        }
        let _head = self.input.split_to(head.length);
        self.events = Some(ChunkDecoder::default());
        self.is_closed = false;
        Ok(None)
    }

    /// The bytes of the events that arrive next, at least one.
    pub async fn next_events(&mut self) -> Result<Bytes, Failure> {
        loop {
            if let Some(decoder) = &mut self.events {
                match decoder.take(&mut self.input)? {
                    Some(rest) if rest.is_empty() => {
                        return Err(Failure::Connection("the stream ended".to_owned()));
                    }
                    Some(rest) => return Ok(rest),
                    None => {}
                }
                let data = decoder.take_data();
                if !data.is_empty() {
                    return Ok(data);
                }
            }
            self.receive().await?;
        }
    }

    /// Sends a request and receives the head of its response.
    async fn begin(&mut self, request: &HttpRequest<'_>) -> Result<ResponseHead, Failure> {
        if std::mem::replace(&mut self.is_closed, true) || self.events.is_some() {
            return Err(Failure::Connection("closed".to_owned()));
        }
        self.output.clear();
        request.write(&self.common, &mut self.output);
        self.stream.write_all(&self.output).await?;
        self.stream.flush().await?;
        loop {
            if let Some(head) = ResponseHead::parse(&self.input)? {
                if head.status >= 200 {
                    return Ok(head);
                }
                let _interim = self.input.split_to(head.length);
                continue;
            }
            self.receive().await?;
        }
    }

    async fn response(&mut self, head: ResponseHead) -> Result<HttpResponse, Failure> {
        let bytes = self.input.split_to(head.length).freeze();
        let body = match head.body {
            BodyEnd::Length(length) => {
                // One allocation for a long body, whose bytes arrive in many pieces.
                self.input.reserve(length.saturating_sub(self.input.len()));
                while self.input.len() < length {
                    self.receive().await?;
                }
                self.input.split_to(length).freeze()
            }
            BodyEnd::Chunks => {
                let mut decoder = ChunkDecoder::default();
                loop {
                    if let Some(body) = decoder.take(&mut self.input)? {
                        break body;
                    }
                    self.receive().await?;
                }
            }
            BodyEnd::Close => {
                while self.stream.read_buf(&mut self.input).await? > 0 {}
                self.input.split().freeze()
            }
        };
        Ok(HttpResponse {
            status: head.status,
            head: bytes,
            body,
        })
    }

    async fn receive(&mut self) -> Result<(), Failure> {
        if self.input.capacity() == self.input.len() {
            self.input.reserve(INPUT_BYTES);
        }
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(Failure::Connection("closed by the server".to_owned())),
            _ => Ok(()),
        }
    }
}

/// The header lines that Go's clients send with every request, and the credentials.
fn common(target: &LoadTarget, host: &str) -> Vec<u8> {
    let mut lines = format!("Host: {host}\r\nUser-Agent: Go-http-client/1.1\r\n");
    if target.accepts_gzip {
        lines.push_str("Accept-Encoding: gzip\r\n");
    }
    if let Some(token) = &target.credentials.token {
        lines.extend(["X-Consul-Token: ", token, "\r\n"]);
    }
    if let Some((user, password)) = &target.credentials.user {
        let pair = STANDARD.encode(format!("{user}:{password}"));
        lines.extend(["Authorization: Basic ", &pair, "\r\n"]);
    }
    lines.into_bytes()
}

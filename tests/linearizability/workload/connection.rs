//! HTTP connection of a client to the gateway; it reconnects after the gateway died.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gateway::handle::{Endpoints, Face, GatewayHandle};

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// The value of a numeric header.
    pub fn number(&self, name: &str) -> Option<u64> {
        number(&self.headers, name)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("(not UTF-8)")
    }
}

pub fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// A request over one of the protocols.
#[derive(Clone, Debug)]
pub struct Request {
    pub face: Face,
    pub method: Method,
    pub uri: String,
    pub body: String,
}

impl Request {
    pub fn new(face: Face, method: Method, uri: String, body: String) -> Self {
        Self {
            face,
            method,
            uri,
            body,
        }
    }
}

/// A client's connection to a face. A broken connection is replaced.
#[derive(Debug)]
pub struct Connection {
    gateway: GatewayHandle,
    face: Face,
    open: Option<(Endpoints, SendRequest<Full<Bytes>>)>,
    generation: usize,
}

impl Connection {
    pub fn new(gateway: GatewayHandle, face: Face) -> Self {
        Self {
            gateway,
            face,
            open: None,
            generation: 0,
        }
    }

    /// The generation of the gateway that received the last request.
    pub fn generation(&self) -> usize {
        self.generation
    }

    /// Waits for a gateway that accepts the connection, and returns its endpoints. Panics after a minute.
    pub async fn ready(&mut self) -> Endpoints {
        if let Some((endpoints, sender)) = &mut self.open
            && sender.ready().await.is_ok()
        {
            return *endpoints;
        }
        let connect = async {
            loop {
                let endpoints = self.gateway.endpoints();
                if let Some(sender) = connect(endpoints.address(self.face)).await {
                    return (endpoints, sender);
                }
                self.gateway.endpoints_changed().await;
            }
        };
        let minute = Duration::from_secs(60);
        let open = timeout(minute, connect).await;
        let (endpoints, sender) = open.expect("no gateway for a minute");
        self.open = Some((endpoints, sender));
        endpoints
    }

    /// Sends a request and reads the complete answer. `None` if the connection broke or the timeout passed.
    pub async fn send(&mut self, request: &Request, answer_timeout: Duration) -> Option<Answer> {
        let whole = async {
            let answer = self.begin(request).await?;
            let (parts, body) = answer.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some(Answer {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        let answer = timeout(answer_timeout, whole).await.ok().flatten();
        if answer.is_none() {
            self.open = None;
        }
        answer
    }

    /// Sends a request and returns the answer with its body unread.
    pub async fn begin(&mut self, request: &Request) -> Option<http::Response<Incoming>> {
        let endpoints = self.ready().await;
        self.generation = self.gateway.generation(endpoints);
        let (_, sender) = self.open.as_mut()?;
        let form = "application/x-www-form-urlencoded";
        let built = http::Request::builder()
            .method(&request.method)
            .uri(&request.uri)
            .header("host", "kubekv")
            .header("content-type", form)
            .body(Full::from(request.body.clone()))
            .unwrap();
        sender.send_request(built).await.ok()
    }

    pub fn close(&mut self) {
        self.open = None;
    }
}

async fn connect(to: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(to).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

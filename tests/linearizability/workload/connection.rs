//! A connection of a client, which may break at any time.

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

use crate::gateway::{Life, Place};

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header that is a number.
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

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    Consul,
    Etcd,
}

/// A request.
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

/// A client's connection to a face, made anew where it broke.
#[derive(Debug)]
pub struct Connection {
    life: Life,
    face: Face,
    open: Option<(Place, SendRequest<Full<Bytes>>)>,
    asked: usize,
}

impl Connection {
    pub fn new(life: Life, face: Face) -> Self {
        Self {
            life,
            face,
            open: None,
            asked: 0,
        }
    }

    /// Which of the gateway's lives was asked last.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// Waits until there is a gateway that takes the connection; says which one. Gives up after a minute.
    pub async fn ready(&mut self) -> Place {
        if let Some((place, sender)) = &mut self.open
            && sender.ready().await.is_ok()
        {
            return *place;
        }
        let connect = async {
            loop {
                let place = self.life.place();
                if let Some(sender) = connect(place.address(self.face)).await {
                    return (place, sender);
                }
                self.life.moved().await;
            }
        };
        let minute = Duration::from_secs(60);
        let open = timeout(minute, connect).await;
        let (place, sender) = open.expect("no gateway for a minute");
        self.open = Some((place, sender));
        place
    }

    /// Sends a request and reads the whole answer; `None` where that broke off or took too long.
    pub async fn send(&mut self, request: &Request, patience: Duration) -> Option<Answer> {
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
        let answer = timeout(patience, whole).await.ok().flatten();
        if answer.is_none() {
            self.open = None;
        }
        answer
    }

    /// Sends a request and leaves the body to be read.
    pub async fn begin(&mut self, request: &Request) -> Option<http::Response<Incoming>> {
        let place = self.ready().await;
        self.asked = self.life.asked(place);
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

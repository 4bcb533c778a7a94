//! What the tests of the faces share: a keyspace in memory, a face on a port of its own, and a plain HTTP client.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "each test binary uses its part"
)]

pub mod consul;
pub mod etcd;
pub mod normal;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use kubekv::face::http::{Leads, Limits, Metrics, Server, Stopping};
use kubekv::guard::Bounds;
use kubekv::space::Keyspace;
use kubekv::store::{MemoryStore, Store};
use prometheus_client::registry::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// A keyspace that forgets everything.
pub async fn space() -> Keyspace {
    let store = Arc::new(MemoryStore::new());
    let admit = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    opened.unwrap().0
}

/// Serves a face on loopback; it stops when the sender is dropped or set.
pub async fn start(
    face: impl FnOnce(Stopping) -> axum::Router,
) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping::new(stopping);
    let face = face(stopping.clone());
    let places = Arc::new(Semaphore::new(1000));
    let server = Server::new(
        "test",
        Limits::default(),
        places,
        Metrics::default(),
        Leads::default(),
    );
    tokio::spawn(server.serve(listener, face, stopping));
    (address, stop)
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Sends one request on a connection of its own and reads the answer.
pub async fn request(
    to: SocketAddr,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    try_request(to, method, uri, headers, body).await.unwrap()
}

/// The same; an error where the other side breaks off.
pub async fn try_request(
    to: SocketAddr,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> hyper::Result<Answer> {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("host", to.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(Bytes::copy_from_slice(body)))
        .unwrap();
    let answer = sender.send_request(request).await?;
    let (parts, body) = answer.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    })
}

/// Sends bytes as they are and reads until the other side closes.
pub async fn raw(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

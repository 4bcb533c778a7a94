//! A client of the face: one gateway in memory, requests in one line each, and polls that can be parked.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use kubekv::face::etcd::{Etcd, router};
use kubekv::space::Keyspace;
use support::faces;
use support::http_client;
use tokio::net::TcpStream;
use tokio::sync::watch;

use support::http_client::Answer;

/// A gateway with an empty keyspace in memory.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) space: Keyspace,
    stop: watch::Sender<bool>,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::over(faces::space().await).await
    }

    pub(crate) async fn over(space: Keyspace) -> Self {
        let face = |stopping| {
            router(Etcd {
                space: space.clone(),
                stopping,
                advertise: Vec::new(),
                fairness: kubekv::fairness::Fairness::default(),
            })
        };
        let (address, stop) = faces::start(face).await;
        Self {
            address,
            space,
            stop,
        }
    }

    /// Signals the face that the gateway is stopping.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Sends a request given as `METHOD PATH [FORM]`.
    pub(crate) async fn ask(&self, line: &str) -> Answer {
        ask(self.address, line).await
    }

    /// Sends a request and returns its status and its body.
    pub(crate) async fn status_and_body(&self, line: &str) -> (u16, String) {
        let answer = self.ask(line).await;
        (answer.status, answer.text().to_owned())
    }

    /// Sends a request that must succeed, and returns its body.
    pub(crate) async fn ok(&self, line: &str) -> serde_json::Value {
        let answer = self.ask(line).await;
        assert!(answer.status < 300, "{line}: {}", answer.text());
        answer.json()
    }

    /// Begins a watch; its headers have arrived when this returns.
    pub(crate) async fn watch(&self, path: &str) -> Parked {
        watch(self.address, path).await
    }
}

/// The path of a key, or, after a `!`, a path of the server.
pub(crate) fn uri(path: &str) -> String {
    match path.strip_prefix('!') {
        Some(path) => path.to_owned(),
        None => format!("/v2/keys{path}"),
    }
}

/// Sends a request given as `METHOD PATH [FORM]`.
pub(crate) async fn ask(to: SocketAddr, line: &str) -> Answer {
    let mut words = line.splitn(3, ' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let form = words.next().unwrap_or_default();
    let headers: &[_] = match method {
        "PUT" | "POST" => &[("content-type", "application/x-www-form-urlencoded")],
        _ => &[],
    };
    http_client::request(to, method, &uri(path), headers, form.as_bytes()).await
}

/// A poll that has its headers and waits for its body. Dropping it hangs up.
pub(crate) struct Parked {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    body: Incoming,
    connection: tokio::task::JoinHandle<hyper::Result<()>>,
}

/// Begins a watch.
pub(crate) async fn watch(to: SocketAddr, path: &str) -> Parked {
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get(uri(path))
        .header("host", to.to_string())
        .body(Full::new(Bytes::new()))
        .unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Parked {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
        connection,
    }
}

impl Parked {
    /// The next piece of the body, one event of a stream; `None` at the body's end, an error where the connection was closed
    /// before it.
    pub(crate) async fn next(&mut self) -> Option<hyper::Result<String>> {
        let frame = self.body.frame().await?;
        Some(frame.map(|frame| {
            let bytes = frame.into_data().unwrap();
            String::from_utf8(bytes.to_vec()).unwrap()
        }))
    }

    /// The next event.
    pub(crate) async fn event(&mut self) -> serde_json::Value {
        let text = self.next().await.unwrap().unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

//! A server with a small face for tests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::routing::{any, get};
use http_body::Frame;
use kubekv::face::http::{HttpLimits, HttpProtocol};
use kubekv::face::server::{ConnectionPermits, LeadershipCheck, Server, ServerMetrics, Stopping};
use prometheus_client::registry::Registry;
use support::metrics::registered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

/// A running server.
#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) address: SocketAddr,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) served: JoinHandle<()>,
    /// Lets requests for `/held` end.
    pub(crate) release: Arc<Notify>,
    registry: Registry,
}

/// Longer than any drain in these tests takes.
const DRAIN: Duration = Duration::from_secs(10);

/// More bytes than a socket buffers.
const BIG: usize = 64 << 20;

fn face(stopping: Stopping, release: Arc<Notify>) -> Router {
    Router::new()
        .route("/", get(|| async { "ok" }))
        .route(
            "/parked",
            get(move || {
                let stopping = stopping.clone();
                async move {
                    stopping.wait().await;
                    "woken"
                }
            }),
        )
        .route(
            "/held",
            get(move || {
                let release = Arc::clone(&release);
                async move {
                    release.notified().await;
                    "released"
                }
            }),
        )
        .route("/big", get(|| async { vec![b'x'; BIG] }))
        .route("/pieces", any(pieces))
        .route(
            "/slow",
            any(|_body: Body| async {
                // As a store that syncs: by then the next bytes of the connection have arrived.
                tokio::time::sleep(Duration::from_millis(2)).await;
                "slow"
            }),
        )
        .route("/panic", get(mistake))
        .route(
            "/length",
            any(|body: Body| async move {
                match to_bytes(body, BIG).await {
                    Ok(bytes) => bytes.len().to_string(),
                    Err(error) => format!("broken: {error}"),
                }
            }),
        )
}

/// A body of unknown length.
async fn pieces(body: Body) -> Body {
    let whole = to_bytes(body, BIG).await.unwrap();
    Body::new(Pieces(Some(whole)))
}

struct Pieces(Option<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|whole| Ok(Frame::data(whole))))
    }
}

async fn mistake() -> &'static str {
    panic!("a mistake on purpose")
}

impl Harness {
    pub(crate) async fn start(limits: HttpLimits, permits: usize) -> Self {
        Self::start_with_drain(limits, permits, DRAIN).await
    }

    pub(crate) async fn start_with_drain(
        limits: HttpLimits,
        permits: usize,
        drain: Duration,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut registry = Registry::default();
        let metrics = ServerMetrics::register(&mut registry);
        let (stop, switch) = watch::channel(false);
        let stopping = Stopping::new(switch);
        let release = Arc::new(Notify::new());
        let face = face(stopping.clone(), Arc::clone(&release));
        let permits = ConnectionPermits::new(permits);
        let server = Server::new("test", permits, metrics, LeadershipCheck::default());
        let http = HttpProtocol::new(face, limits).refusing_grpc("no gRPC here");
        let server = server.with_drain(drain);
        let served = tokio::spawn(server.serve(listener, Arc::new(http), stopping));
        Self {
            address,
            stop,
            served,
            release,
            registry,
        }
    }

    /// Sends bytes on a new connection.
    pub(crate) async fn send(&self, bytes: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes.as_bytes()).await.unwrap();
        stream
    }

    /// Sends bytes on a new connection, and reads until it is closed.
    pub(crate) async fn ask(&self, bytes: &str) -> String {
        rest(&mut self.send(bytes).await).await
    }

    /// The value of a metric, 0 where there is none.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        registered(&self.registry, name)
    }

    /// Waits until a metric has a value; gives up after a minute.
    pub(crate) async fn wait_for(&self, name: &str, value: u64) {
        wait_for(&self.registry, name, value).await;
    }
}

/// Waits until a metric has a value; gives up after a minute.
pub(crate) async fn wait_for(registry: &Registry, name: &str, value: u64) {
    for _ in 0..30_000 {
        if registered(registry, name) == value {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{name} is {} and not {value}", registered(registry, name));
}

/// The remaining bytes; none if the connection was reset.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// A complete request after which the connection is closed.
pub(crate) fn get_once(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
}

pub(crate) const CONNECTIONS: &str = "face_connections{face=\"test\"}";
pub(crate) const IN_FLIGHT: &str = "face_in_flight{face=\"test\"}";
/// Requests whose answers were handed to the connection.
pub(crate) const ANSWERED: &str =
    "face_requests_total{face=\"test\",method=\"GET\",status=\"200\"}";

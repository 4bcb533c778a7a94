//! Polls whose clients hang up, on both faces: their places are free again, whatever lies unread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use kubekv::face::consul::{self, Consul};
use kubekv::face::etcd::{self, Etcd};
use kubekv::face::http::{HttpLimits, HttpProtocol};
use kubekv::face::server::{ConnectionPermits, LeadershipCheck, Server, ServerMetrics, Stopping};
use kubekv::fairness::Fairness;
use prometheus_client::registry::Registry;
use support::faces;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::harness::{CONNECTIONS, get_once, wait_for};

const PERMITS: usize = 10;

/// Lengths of what a client sends after its request, in bytes: nothing, and more than is read ahead.
const BEHIND: [usize; 4] = [0, 1, 100, 70_000];

struct Face {
    address: SocketAddr,
    registry: Registry,
    _stop: watch::Sender<bool>,
}

async fn serve(face: impl FnOnce(Stopping) -> Router) -> Face {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut registry = Registry::default();
    let metrics = ServerMetrics::register(&mut registry);
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping::new(stopping);
    let limits = HttpLimits {
        half_closed: Duration::from_millis(10),
        ..HttpLimits::default()
    };
    let http = Arc::new(HttpProtocol::new(face(stopping.clone()), limits));
    let permits = ConnectionPermits::new(PERMITS);
    let server = Server::new("test", permits, metrics, LeadershipCheck::default());
    tokio::spawn(server.serve(listener, http, stopping));
    Face {
        address,
        registry,
        _stop: stop,
    }
}

/// Sends a poll with bytes behind it, and hangs up.
async fn poll_and_hang_up(face: &Face, poll: &str, behind: usize, resets: bool) {
    let mut client = TcpStream::connect(face.address).await.unwrap();
    let mut bytes = format!("GET {poll} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes();
    bytes.resize(bytes.len() + behind, b'x');
    // A connection above the limit may be closed before all is written.
    let _sent = client.write_all(&bytes).await;
    if resets {
        let now = Some(Duration::ZERO);
        socket2::SockRef::from(&client).set_linger(now).unwrap();
    }
}

async fn places_are_free_again(face: &Face, poll: &str, get: &str) {
    for behind in BEHIND {
        for resets in [false, true] {
            for _ in 0..PERMITS + 5 {
                poll_and_hang_up(face, poll, behind, resets).await;
            }
            wait_for(&face.registry, CONNECTIONS, 0).await;
            let mut client = TcpStream::connect(face.address).await.unwrap();
            let request = get_once(get).replace("Connection: close\r\n", "");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut status = [0; 12];
            client.read_exact(&mut status).await.unwrap();
            assert_eq!(&status, b"HTTP/1.1 404", "{behind}, {resets}");
            wait_for(&face.registry, CONNECTIONS, 1).await;
            drop(client);
            wait_for(&face.registry, CONNECTIONS, 0).await;
        }
    }
}

#[tokio::test]
async fn places_of_etcd_polls_are_free_after_their_clients_hang_up() {
    let space = faces::space().await;
    let face = serve(|stopping| {
        etcd::router(Etcd {
            space,
            stopping,
            advertise: Vec::new(),
            fairness: Fairness::default(),
        })
    })
    .await;
    places_are_free_again(&face, "/v2/keys/never?wait=true", "/v2/keys/never").await;
}

#[tokio::test]
async fn places_of_consul_polls_are_free_after_their_clients_hang_up() {
    let space = faces::space().await;
    let face = serve(|stopping| {
        consul::router(Consul {
            space,
            stopping,
            node: "node".to_owned(),
            datacenter: "dc1".to_owned(),
            fairness: Fairness::default(),
        })
    })
    .await;
    places_are_free_again(&face, "/v1/kv/never?index=1&wait=600s", "/v1/kv/never").await;
}

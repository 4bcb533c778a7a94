//! Bounds of handshakes: in time and number, and of clients that do not read.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use kubekv::face::http::{HttpLimits, HttpProtocol};
use kubekv::face::server::{
    Arrival, Connection, ConnectionPermits, LeadershipCheck, Server, ServerMetrics, Stopping,
};
use kubekv::tls::HandshakeFailure;
use prometheus_client::registry::Registry;
use support::metrics::registered;
use tokio::io::{AsyncWriteExt, duplex};
use tokio::sync::watch;
use tokio::time::Instant;

use super::authority::Authority;
use super::client::{Client, get};
use super::harness::{Files, Secured, face, tls};

/// How many of one address may be unfinished.
const OF_ADDRESS: usize = 256;

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_before_or_within_its_handshake_is_given_up() {
    let nodes = Authority::new("nodes");
    let tls = tls(&Files::new(&nodes.server()), &mut Registry::default());
    let hello = Client::new(&nodes, None).hello();
    let (almost, _last) = hello.split_at(hello.len() - 1);
    for begun in [&hello[..0], &hello[..3], almost, &hello[..]] {
        let (mut client, served) = duplex(64 << 10);
        client.write_all(begun).await.unwrap();
        let began = Instant::now();
        let failure = tls.accept(served, PEER).await.unwrap_err();
        assert!(matches!(failure, HandshakeFailure::Late), "{failure}");
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn of_too_many_unfinished_handshakes_the_oldest_end() {
    let nodes = Authority::new("nodes");
    let mut registry = Registry::default();
    let tls = tls(&Files::new(&nodes.server()), &mut registry);
    let client = Client::new(&nodes, None);
    let hello = client.hello();
    let mut kept = Vec::new();
    for _ in 0..OF_ADDRESS + 20 {
        let (mut stuck, served) = duplex(64 << 10);
        stuck.write_all(&hello).await.unwrap();
        let tls = tls.clone();
        kept.push((
            stuck,
            tokio::spawn(async move { tls.accept(served, PEER).await }),
        ));
    }
    let dropped = "tls_handshakes_total{face=\"test\",outcome=\"too_many\"}";
    crate::harness::wait_for(&registry, dropped, 20).await;
    let (own, served) = duplex(64 << 10);
    let (ours, theirs) = tokio::join!(client.over(own), tls.accept(served, PEER));
    ours.unwrap();
    theirs.unwrap();
    // All who wait are there still, but for the one that gave way to the last.
    let ended = kept.iter().filter(|(_, task)| task.is_finished()).count();
    assert!(ended <= 21, "{ended}");
    assert!(registered(&registry, dropped) <= 21);
}

/// The TLS stream takes the last 64 KB of an answer at once, and keeps them.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_none_of_a_short_answer_is_disconnected() {
    let nodes = Authority::new("nodes");
    let mut registry = Registry::default();
    let tls = tls(&Files::new(&nodes.server()), &mut registry);
    let metrics = ServerMetrics::register(&mut registry);
    let permits = ConnectionPermits::new(1);
    let server = Server::new("test", permits, metrics, LeadershipCheck::default());
    let server = server.with_tls(Some(tls));
    let (near, far) = duplex(4 << 10);
    let peer = "10.0.0.1:7".parse().unwrap();
    let arrival = Arrival::relayed(far, |_stream| None, Connection::plaintext(peer, peer));
    let http = Arc::new(HttpProtocol::new(
        face(&Arc::default()),
        HttpLimits::default(),
    ));
    let (_stop, stopping) = watch::channel(false);
    let serving = server.serve_one(arrival, http, Stopping::new(stopping));
    let client = async {
        let mut stream = Client::new(&nodes, None).over(near).await.unwrap();
        let request = b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
        stream.flush().await.unwrap();
        std::future::pending::<()>().await;
    };
    let served = Box::pin(async {
        tokio::select! {
            () = serving => {}
            () = client => {}
        }
    });
    let hour = Duration::from_secs(3_600);
    tokio::time::timeout(hour, served)
        .await
        .expect("it keeps its place for ever");
}

#[tokio::test]
async fn a_relayed_client_makes_its_handshake_with_the_gateway_that_leads() {
    let nodes = Authority::new("nodes");
    let files = Files::new(&nodes.server()).requiring(&[&nodes]);
    let server = Secured::start(&files).await;
    let (near, far) = duplex(64 << 10);
    let peer = "10.0.0.1:7".parse().unwrap();
    let ends = Connection::plaintext(peer, server.address);
    let arrival = Arrival::relayed(far, |_stream| None, ends);
    server.arrivals.send(arrival).await.unwrap();
    let shown = nodes.client("relayed", 2);
    let mut stream = Client::new(&nodes, Some(&shown)).over(near).await.unwrap();
    assert_eq!(get(&mut stream, "/who").await.unwrap(), "relayed");
    let connection = server.who.lock().take().unwrap();
    assert_eq!((connection.peer, connection.local), (peer, server.address));
}

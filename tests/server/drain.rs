//! Drain of a server that shuts down.

use std::time::Duration;

use kubekv::face::http::HttpLimits;
use tokio::net::TcpStream;

use crate::harness::{ANSWERED, Harness, IN_FLIGHT, rest};

#[tokio::test]
async fn drain_closes_idle_connections_and_waits_for_requests_in_flight() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let mut silent = server.send("").await;
    let mut parked = server.send("GET /parked HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut held = server.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(IN_FLIGHT, 2).await;
    let mut kept = server.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(ANSWERED, 1).await;

    server.stop.send(true).unwrap();
    assert_eq!(rest(&mut silent).await, "");
    assert!(rest(&mut parked).await.ends_with("woken"));
    assert!(rest(&mut kept).await.ends_with("ok"));
    assert!(
        !server.served.is_finished(),
        "the drain ended before the request in flight"
    );
    server.release.notify_one();
    assert!(rest(&mut held).await.ends_with("released"));
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn drain_closes_all_connections_at_its_deadline() {
    let drain = Duration::from_millis(50);
    let server = Harness::start_with_drain(HttpLimits::default(), 10, drain).await;
    let mut held = server.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(IN_FLIGHT, 1).await;
    server.stop.send(true).unwrap();
    server.served.await.unwrap();
    assert_eq!(rest(&mut held).await, "");
}

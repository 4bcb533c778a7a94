//! How a server ends.

use std::time::Duration;

use kubekv::face::http::Limits;
use tokio::net::TcpStream;

use crate::harness::{ANSWERED, Harness, IN_FLIGHT, rest};

#[tokio::test]
async fn what_is_in_flight_ends_and_what_is_idle_is_closed() {
    let server = Harness::start(Limits::default(), 10).await;
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
        "it ended before what was in flight"
    );
    server.release.notify_one();
    assert!(rest(&mut held).await.ends_with("released"));
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_in_time_is_closed() {
    let drain = Duration::from_millis(50);
    let server = Harness::start_with_drain(Limits::default(), 10, drain).await;
    let mut held = server.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.wait_for(IN_FLIGHT, 1).await;
    server.stop.send(true).unwrap();
    server.served.await.unwrap();
    assert_eq!(rest(&mut held).await, "");
}

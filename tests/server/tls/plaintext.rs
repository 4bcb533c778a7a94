//! Bytes that are no TLS where it is spoken, and TLS where it is not.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::authority::Authority;
use super::client::Client;
use super::harness::{Files, Secured};
use crate::harness::{CONNECTIONS, Harness, wait_for};
use kubekv::face::http::HttpLimits;

/// As Go's server, byte for byte.
const TOLD: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

async fn answer(server: &Secured, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // It may be closed before all is written.
    let _sent = stream.write_all(bytes).await;
    let _ended = stream.shutdown().await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn a_request_in_the_clear_is_told_to_use_tls() {
    let nodes = Authority::new("nodes");
    let server = Secured::start(&Files::new(&nodes.server())).await;
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        format!(
            "PUT /v2/keys/a HTTP/1.1\r\nContent-Length: 9999\r\n\r\n{}",
            "x".repeat(9_999)
        ),
        "HEAD /".to_owned(),
    ] {
        let told = answer(&server, request.as_bytes()).await;
        assert_eq!(
            String::from_utf8_lossy(&told),
            String::from_utf8_lossy(TOLD)
        );
    }
    for other in [
        "DELETE / HTTP/1.1\r\n\r\n",
        "ruok",
        "\r\n\r\n\r\n",
        "PRI * HTTP/2.0\r\n",
    ] {
        assert_eq!(answer(&server, other.as_bytes()).await, b"", "{other}");
    }
    server.wait_for_handshakes("not_tls", 6).await;
    server.wait_for_handshakes("gone", 1).await;
}

#[tokio::test]
async fn no_bytes_before_a_handshake_stop_the_server() {
    let nodes = Authority::new("nodes");
    let server = Secured::start(&Files::new(&nodes.server()).requiring(&[&nodes])).await;
    let client = Client::new(&nodes, Some(&nodes.client("good", 2)));
    let hello = client.hello();
    let mut random = fastrand::Rng::with_seed(7);
    for turn in 0..400 {
        let mut bytes = hello.clone();
        if turn % 4 == 0 {
            // Any bytes.
            bytes = (0..random.usize(0..600)).map(|_| random.u8(..)).collect();
            if turn % 8 == 0 && !bytes.is_empty() {
                bytes[0] = 22;
            }
        } else {
            // A handshake with a few bytes changed, cut off, or followed by others.
            for _ in 0..random.usize(1..5) {
                let at = random.usize(..bytes.len());
                bytes[at] = random.u8(..);
            }
            bytes.truncate(random.usize(1..=bytes.len()));
            bytes.extend((0..random.usize(0..40)).map(|_| random.u8(..)));
        }
        answer(&server, &bytes).await;
    }
    wait_for(&server.registry, CONNECTIONS, 0).await;
    assert_eq!(client.get(server.address, "/who").await.unwrap(), "good");
    let panics = support::metrics::registered(&server.registry, "face_panics_total{face=\"test\"}");
    assert_eq!(panics, 0);
}

#[tokio::test]
async fn a_handshake_on_a_port_in_the_clear_ends_with_an_answer_in_the_clear() {
    let server = Harness::start(HttpLimits::default(), 10).await;
    let nodes = Authority::new("nodes");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let hello = Client::new(&nodes, None).hello();
    stream.write_all(&hello).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
}

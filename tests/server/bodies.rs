//! Bodies that wait to be read: they take no more memory than their budget, and a client no more than its part.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::clients::{from, until_metric};
use crate::gateway::ready;
use crate::harness::rest;

const MIB: usize = 1 << 20;

/// Sends the head of a PUT from an address, and some of its body.
async fn put(client: u8, to: SocketAddr, path: &str, length: usize, sent: usize) -> TcpStream {
    let mut stream = from(client, to).await;
    let form = "Content-Type: application/x-www-form-urlencoded";
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: x\r\n{form}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut body = b"value=".to_vec();
    body.resize(sent, b'v');
    stream.write_all(&body[..sent]).await.unwrap();
    stream
}

#[tokio::test]
async fn slow_bodies_of_one_client_leave_room_for_others() {
    // Bodies take a tenth, and those of one client half of that: 3.2 MiB.
    let gateway = ready(&[("memory-limit", "64MiB")]).await;
    let (consul, etcd) = (gateway.consul, gateway.etcd);
    let first = put(1, consul, "/v1/kv/a", 3 * MIB / 2, 5 * MIB / 4).await;
    let second = put(1, etcd, "/v2/keys/a", 3 * MIB / 2, 5 * MIB / 4).await;
    let used = format!(
        "kubekv_fairness_used_bytes{{budget=\"bodies\"}} {}",
        5 * MIB / 2
    );
    until_metric(&gateway, &used).await;
    // Before any of it was sent: nothing is read that there is no room for.
    for (face, path) in [(consul, "/v1/kv/b"), (etcd, "/v2/keys/b")] {
        let answer = rest(&mut put(1, face, path, MIB, 0).await).await;
        assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
        assert!(answer.contains("\r\nRetry-After: 2\r\n"), "{answer}");
        assert!(answer.contains("that one client may use"), "{answer}");
        let other = rest(&mut put(2, face, path, MIB, MIB).await).await;
        assert!(other.starts_with("HTTP/1.1 20"), "{other}");
    }
    drop((first, second));
    until_metric(&gateway, "kubekv_fairness_used_bytes{budget=\"bodies\"} 0").await;
    let own = rest(&mut put(1, consul, "/v1/kv/a", MIB, MIB).await).await;
    assert!(own.starts_with("HTTP/1.1 200"), "{own}");
}

#[tokio::test]
async fn chunks_beyond_the_part_of_their_client_are_refused() {
    let gateway = ready(&[("memory-limit", "64MiB")]).await;
    let _held = put(1, gateway.consul, "/v1/kv/a", 3 * MIB / 2, 5 * MIB / 4).await;
    let _too = put(1, gateway.consul, "/v1/kv/b", 3 * MIB / 2, 5 * MIB / 4).await;
    let used = format!(
        "kubekv_fairness_used_bytes{{budget=\"bodies\"}} {}",
        5 * MIB / 2
    );
    until_metric(&gateway, &used).await;
    let mut chunked = from(1, gateway.consul).await;
    let head = "PUT /v1/kv/c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n";
    chunked.write_all(head.as_bytes()).await.unwrap();
    chunked.write_all(&vec![b'v'; MIB]).await.unwrap();
    let answer = rest(&mut chunked).await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    until_metric(&gateway, &used).await;
}

//! Connections of clients that share a gateway: what one address holds leaves places for the others.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::gateway::{Running, ready};
use crate::harness::{get_once, rest};

/// Connects from an address of loopback's network.
pub(crate) async fn from(client: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let address = Ipv4Addr::new(127, 0, 7, client);
    socket.bind(SocketAddr::from((address, 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// What a client from this address reads after its request, until the connection is closed.
async fn ask_from(client: u8, to: SocketAddr, path: &str) -> String {
    let mut stream = from(client, to).await;
    // It may be closed already.
    let _refused = stream.write_all(get_once(path).as_bytes()).await;
    rest(&mut stream).await
}

/// Waits until the gateway's metrics have this line; gives up after a minute.
pub(crate) async fn until_metric(gateway: &Running, line: &str) {
    for _ in 0..6_000 {
        let metrics = ask_from(250, gateway.admin, "/metrics").await;
        if metrics.lines().any(|found| found == line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {line}");
}

/// Opens connections, from one address after another, that say nothing.
async fn silent(clients: impl IntoIterator<Item = u8>, to: SocketAddr) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for client in clients {
        open.push(from(client, to).await);
    }
    open
}

#[tokio::test]
async fn address_above_its_limit_gets_consuls_answer_and_others_are_served() {
    let gateway = ready(&[("consul-connections-per-address", "3")]).await;
    let _held = silent([1; 3], gateway.consul).await;
    until_metric(&gateway, "kubekv_face_connections{face=\"consul\"} 3").await;
    let mut refused = from(1, gateway.consul).await;
    let answer = rest(&mut refused).await;
    assert!(
        answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
        "{answer}"
    );
    let sentence =
        "Your IP is issuing too many concurrent connections, please rate limit your calls\n";
    assert!(answer.ends_with(sentence), "{answer}");
    let counted = "kubekv_face_connections_refused_total{face=\"consul\",reason=\"address\"} 1";
    until_metric(&gateway, counted).await;
    let others = ask_from(2, gateway.consul, "/v1/status/leader").await;
    assert!(others.starts_with("HTTP/1.1 200"), "{others}");
    // The limit is of that face alone.
    let own = ask_from(1, gateway.etcd, "/version").await;
    assert!(own.starts_with("HTTP/1.1 200"), "{own}");
}

#[tokio::test]
async fn idle_connections_of_one_address_leave_places_for_others() {
    let gateway = ready(&[("max-connections", "50")]).await;
    // Half say nothing, half keep their connection open after an answer.
    let mut held = silent([1; 30], gateway.etcd).await;
    for kept in &mut held[..15] {
        kept.write_all(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut status = [0; 12];
        kept.read_exact(&mut status).await.unwrap();
    }
    held.extend(silent([1; 30], gateway.etcd).await);
    until_metric(&gateway, "kubekv_face_connections{face=\"etcd\"} 45").await;
    for other in 2..5 {
        let answer = ask_from(other, gateway.etcd, "/version").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(ask_from(1, gateway.etcd, "/version").await, "");
}

#[tokio::test]
async fn silent_connections_of_many_addresses_give_way_to_a_client() {
    let gateway = ready(&[("max-connections", "40")]).await;
    // Each address may take a place while nine are not held for each that is free: together they take all.
    let greedy = (1..=30).flat_map(|client| [client; 4]);
    let _held = silent(greedy, gateway.etcd).await;
    until_metric(&gateway, "kubekv_face_connections{face=\"etcd\"} 40").await;
    for other in 101..=110 {
        let answer = ask_from(other, gateway.etcd, "/version").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn idle_connections_to_the_admin_port_leave_places_for_others() {
    let gateway = ready(&[]).await;
    let _held = silent([1; 200], gateway.admin).await;
    let answer = ask_from(2, gateway.admin, "/livez").await;
    assert!(answer.ends_with("ok\n"), "{answer}");
}

//! Connections by identity: however many addresses it has, and whoever else is behind one of them.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::client::{Client, get, is_closed};
use super::policy::secured;
use crate::clients::from;

async fn open(client: &Client, address: u8, to: SocketAddr) -> TlsStream<TcpStream> {
    let stream = from(address, to).await;
    client.over(stream).await.unwrap()
}

#[tokio::test]
async fn an_identity_has_so_many_connections_from_all_addresses_together() {
    let all = secured(&[("connections-per-identity", "2")]).await;
    let (consul, etcd) = (all.gateway.consul, all.gateway.etcd);
    let mut held = Vec::new();
    for (address, face) in [(1, consul), (2, etcd)] {
        let mut stream = open(&all.me, address, face).await;
        // Served, so it has its place.
        get(&mut stream, "/version").await.unwrap();
        held.push(stream);
    }
    let mut refused = open(&all.me, 3, consul).await;
    let answer = get(&mut refused, "/v1/kv/mine").await.unwrap();
    assert!(
        answer.contains("too many concurrent connections"),
        "{answer}"
    );
    let mut refused = open(&all.me, 1, etcd).await;
    assert!(is_closed(&mut refused).await);
    for face in ["consul", "etcd"] {
        let counted = format!(
            "kubekv_face_connections_refused_total{{face=\"{face}\",reason=\"identity\"}} 1"
        );
        all.until_metric(&counted).await;
    }
    // Others behind the same address, who are somebody or nobody.
    for client in [
        &all.ops,
        &all.ops,
        &all.anonymous,
        &all.anonymous,
        &all.anonymous,
    ] {
        let mut stream = open(client, 1, etcd).await;
        get(&mut stream, "/version").await.unwrap();
        held.push(stream);
    }
    drop(held);
    // Its places come back.
    loop {
        let mut stream = open(&all.me, 4, consul).await;
        if get(&mut stream, "/v1/status/leader")
            .await
            .is_ok_and(|body| !body.contains("too many"))
        {
            break;
        }
    }
}

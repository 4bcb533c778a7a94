//! A gateway under the Docker guard: what it refuses and keeps from clients, in the words of each protocol, and where it tells.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::gateway::{Running, ready};
use crate::harness::rest;

const COUNT: &str = "docker/network/v1.0/endpoint_count/n";
const NETWORK: &str = "docker/network/v1.0/network/n";

async fn ask(to: SocketAddr, line: &str, body: &str) -> String {
    let length = body.len();
    let form = "Content-Type: application/x-www-form-urlencoded";
    let request = format!(
        "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{form}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

async fn consul(gateway: &Running, line: &str, body: &str) -> String {
    ask(gateway.consul, line, body).await
}

#[tokio::test]
async fn a_bad_change_is_refused_in_the_words_of_each_protocol_and_told() {
    let gateway = ready(&[("guard", "enforce")]).await;
    let put = format!("PUT /v1/kv/{NETWORK}/");
    let answer = consul(&gateway, &put, "{}").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let why = "the Docker guard: name is missing or of a wrong type: daemons would panic";
    assert!(
        answer.contains(&format!("Permission denied: {why}")),
        "{answer}"
    );
    let put = format!("PUT /v2/keys/{NETWORK}");
    let answer = ask(gateway.etcd, &put, "value=%7B%7D").await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(
        answer.contains("\"errorCode\":110") && answer.contains(why),
        "{answer}"
    );
    // A whole tree, over each.
    let put = format!("PUT /v1/kv/{COUNT}/?cas=0");
    let answer = consul(&gateway, &put, "{\"Count\":0}").await;
    assert!(answer.ends_with("true"), "{answer}");
    for (to, line) in [
        (gateway.consul, "DELETE /v1/kv/docker?recurse="),
        (gateway.etcd, "DELETE /v2/keys/docker?recursive=true"),
    ] {
        let answer = ask(to, line, "").await;
        assert!(answer.contains("is deleted at once"), "{answer}");
    }
    let metrics = ask(gateway.admin, "GET /metrics", "").await;
    for line in [
        "kubekv_guard_refusals_total{mode=\"enforce\",reason=\"field\"} 2",
        "kubekv_guard_refusals_total{mode=\"enforce\",reason=\"tree_deleted\"} 2",
        "kubekv_guard_quarantined 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_bad_record_of_before_is_kept_from_clients_and_named_until_it_is_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("embedded:{}", directory.path().display());
    let gateway = crate::gateway::ready_on(&store, &[]).await;
    for (key, value) in [(COUNT, "{\"Count\":0}"), (NETWORK, "{}")] {
        let answer = consul(&gateway, &format!("PUT /v1/kv/{key}/"), value).await;
        assert!(answer.ends_with("true"), "{answer}");
    }
    gateway.stop().await;

    let gateway = crate::gateway::ready_on(&store, &[("guard", "enforce")]).await;
    let answer = consul(&gateway, "GET /v1/kv/docker?keys=", "").await;
    assert!(
        answer.contains(COUNT) && !answer.contains(NETWORK),
        "{answer}"
    );
    let alone = format!("GET /v1/kv/{NETWORK}/");
    let answer = consul(&gateway, &alone, "").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let list = "GET /v2/keys/docker/network/v1.0/network?recursive=true";
    let answer = ask(gateway.etcd, list, "").await;
    assert!(!answer.contains("/network/n"), "{answer}");
    let alone_in_etcd = format!("GET /v2/keys/{NETWORK}");
    let answer = ask(gateway.etcd, &alone_in_etcd, "").await;
    assert!(!answer.contains("{}"), "{answer}");
    let status = ask(gateway.admin, "GET /status", "").await;
    assert!(
        status.contains(&format!("\"quarantined\":[{{\"key\":\"{NETWORK}/\"")),
        "{status}"
    );
    let metrics = ask(gateway.admin, "GET /metrics", "").await;
    assert!(metrics.contains("kubekv_guard_quarantined 1"), "{metrics}");

    let answer = consul(&gateway, &format!("DELETE /v1/kv/{NETWORK}/"), "").await;
    assert!(answer.ends_with("true"), "{answer}");
    let status = ask(gateway.admin, "GET /status", "").await;
    assert!(status.contains("\"quarantined\":[]"), "{status}");
}

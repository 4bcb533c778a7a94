//! Web pages in a browser that reaches a gateway: pages of other sites neither write nor read, on any port.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::gateway::ready;
use crate::harness::{get_once, rest};

/// The whole answer to these bytes.
async fn send(to: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    rest(&mut stream).await
}

/// A request with these lines among its headers.
fn request(line: &str, headers: &str, body: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\n{headers}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

const FOREIGN: [&str; 4] = [
    "Host: 127.0.0.1\r\nOrigin: http://evil.example",
    "Host: 127.0.0.1\r\nOrigin: null",
    "Host: localhost\r\nSec-Fetch-Site: cross-site",
    "Host: localhost\r\nSec-Fetch-Site: same-site",
];

#[tokio::test]
async fn a_form_of_another_site_changes_nothing() {
    let gateway = ready(&[]).await;
    let network = "/v2/keys/docker/network/v1.0/network";
    for headers in FOREIGN {
        let form = request(&format!("POST {network}"), headers, "value={}");
        let answer = send(gateway.etcd, &form).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        let put = request("PUT /v1/kv/docker/network/v1.0/network/", headers, "{}");
        let answer = send(gateway.consul, &put).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        let read = send(gateway.admin, &request("GET /status", headers, "")).await;
        assert!(read.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{read}");
    }
    let stored = send(gateway.etcd, &get_once(network)).await;
    assert!(stored.starts_with("HTTP/1.1 404"), "{stored}");
}

#[tokio::test]
async fn a_host_that_may_be_anybodys_is_refused_by_the_name_of_the_option() {
    let gateway = ready(&[]).await;
    for port in [gateway.etcd, gateway.consul, gateway.admin] {
        let answer = send(port, &request("GET /", "Host: evil.example:2379", "")).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.ends_with("--host evil.example\n"), "{answer}");
    }
}

#[tokio::test]
async fn clients_and_own_pages_are_answered() {
    let options = [
        ("host", "kv.example.com,*.lab.example"),
        ("etcd-advertise", "http://advertised.example:2379"),
    ];
    let gateway = ready(&options).await;
    for headers in [
        "Host: 127.0.0.1:2379",
        "Host: [::1]",
        "Host: kubekv",
        "Host: kubekv.default.svc.cluster.local:2379",
        "Host: KV.example.com:31000",
        "Host: gateway.lab.example",
        "Host: advertised.example:2379",
        // Opened by its address in a browser, and by a page of the same server.
        "Host: localhost:2379\r\nSec-Fetch-Site: none",
        "Host: localhost:2379\r\nSec-Fetch-Site: same-origin\r\nOrigin: http://localhost:2379",
    ] {
        for (port, path) in [
            (gateway.etcd, "/version"),
            (gateway.consul, "/v1/status/leader"),
            (gateway.admin, "/livez"),
        ] {
            let answer = send(port, &request(&format!("GET {path}"), headers, "")).await;
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\n"),
                "{headers}: {answer}"
            );
        }
    }
    // A client of HTTP/1.0 may give no host.
    let old = send(gateway.etcd, "GET /version HTTP/1.0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
}

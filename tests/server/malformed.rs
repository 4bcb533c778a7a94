//! Malformed requests on every port of a gateway: answered as Go's server answers them.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::gateway::ready;
use crate::harness::rest;

#[tokio::test]
async fn hosts_encodings_and_tunnels_are_refused_on_every_port() {
    let gateway = ready(&[]).await;
    for (port, path) in [
        (gateway.consul, "/v1/kv/a"),
        (gateway.etcd, "/v2/keys/a"),
        (gateway.admin, "/livez"),
    ] {
        let close = "Connection: close\r\n";
        for (request, line) in [
            (
                format!("GET {path} HTTP/1.1\r\n{close}\r\n"),
                "400 Bad Request: missing required Host header",
            ),
            (
                format!("GET {path} HTTP/1.1\r\nHost: a\r\nHost: a\r\n{close}\r\n"),
                "400 Bad Request: too many Host headers",
            ),
            (
                format!("GET {path} HTTP/1.0\r\nHost: a\r\nHost: b\r\n{close}\r\n"),
                "400 Bad Request: too many Host headers",
            ),
            (
                format!(
                    "PUT {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n{close}\r\n3\r\nabc\r\n0\r\n\r\n"
                ),
                "501 Not Implemented",
            ),
            (
                format!(
                    "PUT {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n{close}\r\n3\r\nabc\r\n0\r\n\r\n"
                ),
                "501 Not Implemented",
            ),
            (
                format!("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n{close}\r\n"),
                "404 Not Found",
            ),
            (
                format!("CONNECT {path} HTTP/1.1\r\nHost: a\r\n{close}\r\n"),
                "405 Method Not Allowed",
            ),
        ] {
            let mut stream = TcpStream::connect(port).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let answer = rest(&mut stream).await;
            let first = answer.lines().next().unwrap_or_default();
            assert_eq!(first, format!("HTTP/1.1 {line}"), "{request}");
        }
    }
}

//! HTTP/2 on ports that a policy guards: nothing that is asked over it reaches an entry.

use std::net::SocketAddr;

use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::Bytes;
use super::policy::{Secured, secured};

/// With what a client begins that knows beforehand that the server speaks HTTP/2, and its empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Asks over HTTP/2: the status of the call, by gRPC where the answer has one.
async fn call(stream: impl Bytes + 'static, method: &str, path: &str) -> String {
    let io = TokioIo::new(stream);
    let begun = http2::handshake::<_, _, String>(TokioExecutor::new(), io).await;
    let (mut sender, connection) = begun.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::builder().method(method).uri(path);
    let request = request.body("value=evil".to_owned()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let status = answer.headers().get("grpc-status").unwrap();
    let status = status.to_str().unwrap().to_owned();
    drop(sender);
    drop(driver);
    status
}

async fn first_line(mut stream: impl Bytes) -> String {
    stream.write_all(PREFACE).await.unwrap();
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Who may do everything, who may little, and who shows nothing.
fn clients(all: &Secured) -> [&super::client::Client; 3] {
    [&all.ops, &all.me, &all.anonymous]
}

#[tokio::test]
async fn what_is_asked_over_http_2_is_refused_to_everybody_and_changes_nothing() {
    let all = secured(&[]).await;
    all.set("mine", "1").await;
    let SocketAddr::V4(etcd) = all.gateway.etcd else {
        panic!("{:?}", all.gateway.etcd)
    };
    let url = |path: &str| format!("https://{etcd}{path}");
    for client in clients(&all) {
        for offered in [&[&b"h2"[..]][..], &[]] {
            for (method, path) in [
                ("GET", "/v2/keys/mine"),
                ("PUT", "/v2/keys/mine"),
                ("POST", "/etcdserverpb.KV/Range"),
            ] {
                let client = client.offering(offered);
                let stream = client.connect(etcd.into()).await.unwrap();
                // Unimplemented, whoever asks.
                assert_eq!(call(stream, method, &url(path)).await, "12", "{path}");
            }
        }
    }
    assert_eq!(all.read(&all.ops, "mine").await, "1");
}

#[tokio::test]
async fn consuls_port_speaks_no_http_2_offered_or_not() {
    let all = secured(&[]).await;
    let consul = all.gateway.consul;
    for client in clients(&all) {
        let offering = client.offering(&[b"h2"]);
        offering.connect(consul).await.unwrap_err();
        let stream = client.connect(consul).await.unwrap();
        assert_eq!(first_line(stream).await, "HTTP/1.1 400 Bad Request");
    }
}

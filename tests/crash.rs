//! Kill -9 of the whole gateway under load: no acknowledged write is lost, no refused write appears, no index falls.

#![cfg(test)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use support::command::binary;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const ROUNDS: u64 = 8;
const WRITERS: u64 = 8;
/// A round ends after this many acknowledged writes, in the middle of further ones.
const ACKNOWLEDGED: u64 = 400;

/// A gateway process on a directory of its own; killed when dropped.
struct Gateway {
    process: Child,
    consul: SocketAddr,
    etcd: SocketAddr,
}

impl Gateway {
    fn start(directory: &Path) -> Self {
        let mut process = Command::new(binary())
            .arg("serve")
            .arg(format!("--store=embedded:{}", directory.display()))
            .args(["--consul=127.0.0.1:0", "--etcd=127.0.0.1:0", "--admin=off"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its address once it serves there.
        let mut faces = BTreeMap::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while faces.len() < 2 {
            let line = lines.next().expect("it ended at once").unwrap();
            let url = line.split("--cluster-store=").nth(1);
            let (scheme, address) = url
                .and_then(|url| url.trim().split_once("://"))
                .expect(&line);
            faces.insert(scheme.to_owned(), address.parse().unwrap());
        }
        Self {
            process,
            consul: faces["consul"],
            etcd: faces["etcd"],
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

type Sender = SendRequest<Full<Bytes>>;

async fn connect(to: SocketAddr) -> Option<Sender> {
    let stream = TcpStream::connect(to).await.ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}

/// One request; `None` where the answer is incomplete.
async fn send(
    sender: &mut Sender,
    method: &str,
    uri: &str,
    body: String,
) -> Option<(u16, http::HeaderMap, Bytes)> {
    let request = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("host", "kubekv")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Full::from(body))
        .unwrap();
    let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    Some((parts.status.as_u16(), parts.headers, body))
}

/// The state of one writer's own key.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    sent: u64,
    acknowledged: u64,
}

/// Counts up its own key until the gateway is gone: even writers by Consul, odd ones by etcd.
async fn count_up(
    writer: u64,
    address: SocketAddr,
    mut known: Known,
    acknowledged: Arc<AtomicU64>,
) -> (u64, Known) {
    let Some(mut sender) = connect(address).await else {
        return (writer, known);
    };
    loop {
        known.sent += 1;
        let answer = if writer.is_multiple_of(2) {
            send(
                &mut sender,
                "PUT",
                &format!("/v1/kv/load/{writer}"),
                known.sent.to_string(),
            )
            .await
        } else {
            let body = format!("value={}", known.sent);
            send(&mut sender, "PUT", &format!("/v2/keys/load/{writer}"), body).await
        };
        let Some((status, ..)) = answer else {
            return (writer, known);
        };
        assert!(matches!(status, 200 | 201), "a write was answered {status}");
        known.acknowledged = known.sent;
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

/// Adds one to a shared counter by compare-and-swap until the gateway is gone; says how often that was acknowledged
/// and how often it may have happened.
async fn compare_and_swap(address: SocketAddr) -> (u64, u64) {
    let (mut acknowledged, mut sent) = (0, 0);
    let Some(mut sender) = connect(address).await else {
        return (0, 0);
    };
    loop {
        let Some((status, headers, body)) =
            send(&mut sender, "GET", "/v1/kv/counter?raw", String::new()).await
        else {
            return (acknowledged, sent);
        };
        let (index, count) = if status == 404 {
            ("0".to_owned(), 0)
        } else {
            let index = headers["x-consul-index"].to_str().unwrap().to_owned();
            let count = std::str::from_utf8(&body).unwrap();
            (index, count.parse::<u64>().unwrap())
        };
        let uri = format!("/v1/kv/counter?cas={index}");
        match send(&mut sender, "PUT", &uri, (count + 1).to_string()).await {
            None => return (acknowledged, sent + 1),
            Some((200, _, body)) if body.starts_with(b"true") => {
                acknowledged += 1;
                sent += 1;
            }
            Some((status, _, body)) => assert_eq!((status, &body[..5]), (200, &b"false"[..])),
        }
    }
}

async fn number(address: SocketAddr, key: &str) -> (u64, u64) {
    let mut sender = connect(address).await.unwrap();
    let uri = format!("/v1/kv/{key}?raw&consistent");
    let (status, headers, body) = send(&mut sender, "GET", &uri, String::new()).await.unwrap();
    let index = headers["x-consul-index"].to_str().unwrap().parse().unwrap();
    if status == 404 {
        return (0, index);
    }
    (std::str::from_utf8(&body).unwrap().parse().unwrap(), index)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_writes_survive_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut known = BTreeMap::<u64, Known>::new();
    let mut indexes = BTreeMap::<u64, u64>::new();
    let (mut swapped, mut maybe_swapped) = (0, 0);
    let mut gateway = Gateway::start(directory.path());
    for round in 1..=ROUNDS {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let address = if writer.is_multiple_of(2) {
                gateway.consul
            } else {
                gateway.etcd
            };
            let known = known.get(&writer).copied().unwrap_or_default();
            writers.spawn(count_up(writer, address, known, Arc::clone(&acknowledged)));
        }
        let mut swappers = JoinSet::new();
        for _ in 0..3 {
            swappers.spawn(compare_and_swap(gateway.consul));
        }
        while acknowledged.load(Ordering::Relaxed) < ACKNOWLEDGED * round / 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        gateway.kill();
        known.extend(writers.join_all().await);
        for (acknowledged, sent) in swappers.join_all().await {
            swapped += acknowledged;
            maybe_swapped += sent;
        }
        gateway = Gateway::start(directory.path());
        for (writer, known) in &mut known {
            let (found, index) = number(gateway.consul, &format!("load/{writer}")).await;
            assert!(
                (known.acknowledged..=known.sent).contains(&found),
                "round {round}, writer {writer}: found {found} after {known:?}"
            );
            let before = indexes.insert(*writer, index).unwrap_or(0);
            assert!(
                index >= before,
                "round {round}: index {index} after {before}"
            );
            known.sent = found;
            known.acknowledged = found;
        }
        let (counted, _) = number(gateway.consul, "counter").await;
        assert!(
            (swapped..=maybe_swapped).contains(&counted),
            "round {round}: the counter shows {counted}, {swapped} were acknowledged and {maybe_swapped} sent"
        );
        (swapped, maybe_swapped) = (counted, counted);
    }
    let acknowledged: u64 = known.values().map(|known| known.acknowledged).sum();
    println!("{ROUNDS} kills: {acknowledged} writes and {swapped} swaps acknowledged, all found");
}

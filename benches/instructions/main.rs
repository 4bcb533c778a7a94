//! The code that most requests run, so many times: `benches/instructions/run` counts the instructions of each path.
//!
//! `instructions PATH COUNT` runs one, `instructions` prints the names of all. One thread, no sockets, and what a run begins with is the
//! same for every count, so that the difference of two counts is of the path alone.

#![allow(
    missing_docs,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::as_conversions,
    reason = "a measurement that cannot go on fails"
)]

#[path = "../hot_paths/gateway.rs"]
mod gateway;
mod records;

use std::hint::black_box;
use std::sync::Arc;

use http::Method;
use kubekv::model::{Caller, Key, KeyRange};
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use kubekv::store::{MemoryStore, Store};
use kubekv::wire::zookeeper::{JuteReader, JuteRecord, JuteWriter, SetDataRequest};
use tokio::runtime::{Builder, Runtime};

use crate::gateway::Gateway;
use crate::records::{Layers, RecordGateway};

/// The networks of a list.
const NETWORKS: usize = 100;

/// The watches that a write wakes, and those that it does not.
const WATCHES: usize = 200;

const ETCD_LIST: &str =
    "/v2/keys/docker/network/v1.0/network?quorum=true&recursive=true&sorted=true";
const CONSUL_LIST: &str = "/v1/kv/docker/network/v1.0/network/?recurse=&consistent=";
const ETCD_KEY: &str = "/v2/keys/one/key";
const CONSUL_KEY: &str = "/v1/kv/one/key";

/// A path: its name, and what runs it so many times.
type HotPath = (&'static str, fn(&Runtime, usize));

const PATHS: [HotPath; 17] = [
    ("zookeeper-record", |_, count| records(count)),
    ("consul-get", |runtime, count| {
        request(runtime, count, &Method::GET, CONSUL_KEY, "");
    }),
    ("etcd-get", |runtime, count| {
        request(runtime, count, &Method::GET, ETCD_KEY, "");
    }),
    ("consul-put", |runtime, count| {
        request(runtime, count, &Method::PUT, CONSUL_KEY, "news");
    }),
    ("etcd-put", |runtime, count| {
        request(runtime, count, &Method::PUT, ETCD_KEY, "value=news");
    }),
    ("consul-list-unchanged", |runtime, count| {
        list(runtime, count, CONSUL_LIST, None);
    }),
    ("etcd-list-unchanged", |runtime, count| {
        list(runtime, count, ETCD_LIST, None);
    }),
    ("consul-list-changed", |runtime, count| {
        list(runtime, count, CONSUL_LIST, Some((CONSUL_KEY, "news")));
    }),
    ("etcd-list-changed", |runtime, count| {
        list(runtime, count, ETCD_LIST, Some((ETCD_KEY, "value=news")));
    }),
    ("watches-woken", |runtime, count| {
        watched(runtime, count, "");
    }),
    ("watches-elsewhere", |runtime, count| {
        watched(runtime, count, "other/");
    }),
    ("commit-memory", |runtime, count| {
        commits(runtime, count, Arc::new(MemoryStore::new()));
    }),
    ("commit-embedded", |runtime, count| {
        let directory = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::new(directory.path(), Arc::new(|why| panic!("{why}")));
        commits(runtime, count, Arc::new(EmbeddedStore::new(options)));
    }),
    ("record-bare", |runtime, count| {
        changed_records(runtime, count, Layers::None);
    }),
    ("record-policy", |runtime, count| {
        changed_records(runtime, count, Layers::Policy);
    }),
    ("record-audit", |runtime, count| {
        changed_records(runtime, count, Layers::Audit);
    }),
    ("record-guard", |runtime, count| {
        changed_records(runtime, count, Layers::Guard);
    }),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for (name, _) in PATHS {
            println!("{name}");
        }
        return;
    };
    let count = arguments.next().unwrap().parse().unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (_, run) = PATHS.iter().find(|(path, _)| *path == name).unwrap();
    run(&runtime, count);
}

/// The request of a write, encoded and decoded.
fn records(count: usize) {
    let request = SetDataRequest {
        path: "/docker/nodes/10.0.0.1:2376".to_owned(),
        data: Some(vec![b'x'; 256]),
        version: 7,
    };
    for _ in 0..count {
        let mut to = JuteWriter::default();
        request.write(&mut to);
        let frame = to.frame().unwrap();
        let mut from = JuteReader::new(frame.get(4..).unwrap());
        assert_eq!(
            black_box(SetDataRequest::read(&mut from).unwrap()).version,
            7
        );
    }
}

async fn in_memory() -> Gateway {
    let gateway = Gateway::open(Arc::new(MemoryStore::new())).await;
    gateway.put("one/key", "olds").await;
    gateway
}

/// Requests of one key through a face.
fn request(runtime: &Runtime, count: usize, method: &Method, uri: &str, body: &'static str) {
    runtime.block_on(async {
        let gateway = in_memory().await;
        for _ in 0..count {
            black_box(gateway.send(method.clone(), uri, false, body).await);
        }
    });
}

/// Lists of networks, each after a write of one of them if there is one.
fn list(runtime: &Runtime, count: usize, uri: &str, change: Option<(&str, &'static str)>) {
    runtime.block_on(async {
        let gateway = in_memory().await;
        gateway.fill(NETWORKS).await;
        let one = format!("docker/network/v1.0/network/{:064x}", NETWORKS / 2);
        // The first one has no list before it.
        black_box(gateway.send(Method::GET, uri, true, "").await);
        for _ in 0..count {
            if let Some((key, body)) = change {
                let key = key.replace("one/key", &one);
                gateway.send(Method::PUT, &key, false, body).await;
            }
            black_box(gateway.send(Method::GET, uri, true, "").await);
        }
    });
}

/// Writes of a key beside watches of a prefix.
fn watched(runtime: &Runtime, count: usize, prefix: &str) {
    runtime.block_on(async {
        let gateway = in_memory().await;
        let watch = |_| {
            let all = KeyRange::Prefix(Key::user(prefix));
            gateway.space.watch(&Caller::System, vec![all])
        };
        let mut watches: Vec<_> = (0..WATCHES).map(watch).collect();
        for _ in 0..count {
            gateway.put("one/key", "news").await;
            for watch in &mut watches {
                let next = watch.try_next();
                assert_eq!(next.is_some(), prefix.is_empty());
            }
        }
    });
}

/// Writes of a key to a store.
fn commits(runtime: &Runtime, count: usize, store: Arc<dyn Store>) {
    runtime.block_on(async {
        let gateway = Gateway::open(store).await;
        for _ in 0..count {
            gateway.put("one/key", "news").await;
        }
        gateway.space.close().await;
    });
}

/// Changes of one of Docker's records through some of the layers of security.
fn changed_records(runtime: &Runtime, count: usize, layers: Layers) {
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let gateway = RecordGateway::open(directory.path(), layers).await;
        gateway.change(count).await;
        gateway.close().await;
    });
}

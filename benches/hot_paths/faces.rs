//! Benchmarks of requests through the faces: parsed, answered, encoded.

use std::sync::Arc;

use criterion::Criterion;
use http::Method;
use kubekv::model::{Caller, Key, KeyRange};
use kubekv::store::MemoryStore;
use tokio::runtime::Runtime;

use crate::gateway::Gateway;

/// The number of networks, as in the figures for Docker's lists.
const NETWORKS: usize = 1_000;

const ETCD_LIST: &str =
    "/v2/keys/docker/network/v1.0/network?quorum=true&recursive=true&sorted=true";
const CONSUL_LIST: &str = "/v1/kv/docker/network/v1.0/network/?recurse=&consistent=";

pub(crate) fn requests(bench: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let gateway = runtime.block_on(async {
        let gateway = Gateway::open(Arc::new(MemoryStore::new())).await;
        gateway.fill(NETWORKS).await;
        gateway
    });
    let one = format!("docker/network/v1.0/network/{:064x}", 500);
    let etcd_one = format!("/v2/keys/{one}");
    let consul_one = format!("/v1/kv/{one}");

    let mut get = |name: &'static str, uri: &str, gzip: bool| {
        bench.bench_function(name, |bench| {
            bench
                .to_async(&runtime)
                .iter(|| gateway.send(Method::GET, uri, gzip, ""));
        });
    };
    get("etcd/list/kept", ETCD_LIST, true);
    get("consul/list/kept", CONSUL_LIST, true);
    get("etcd/list/kept/plain", ETCD_LIST, false);
    get("consul/list/kept/plain", CONSUL_LIST, false);
    get("etcd/get", &format!("{etcd_one}?quorum=true"), false);
    get("consul/get", &format!("{consul_one}?consistent="), false);

    for (name, list, one, body) in [
        ("etcd", ETCD_LIST, &etcd_one, "value=news"),
        ("consul", CONSUL_LIST, &consul_one, "news"),
    ] {
        bench.bench_function(&format!("{name}/put"), |bench| {
            bench
                .to_async(&runtime)
                .iter(|| gateway.send(Method::PUT, one, false, body));
        });
        bench.bench_function(&format!("{name}/list/changed"), |bench| {
            bench.to_async(&runtime).iter(|| async {
                gateway.send(Method::PUT, one, false, body).await;
                gateway.send(Method::GET, list, true, "").await
            });
        });
    }
    watched(bench, &runtime, &gateway);
}

/// Writes beside watches, and into them.
fn watched(bench: &mut Criterion, runtime: &Runtime, gateway: &Gateway) {
    let watches: Vec<_> = (0..10_000)
        .map(|number| {
            let key = Key::user(format!("watched/{number}"));
            gateway
                .space
                .watch(&Caller::System, vec![KeyRange::Exact(key)])
        })
        .collect();
    bench.bench_function("put/beside 10,000 watches", |bench| {
        bench
            .to_async(runtime)
            .iter(|| gateway.put("elsewhere", "news"));
    });
    drop(watches);

    let mut watches: Vec<_> = (0..1_000)
        .map(|_| {
            let all = KeyRange::Prefix(Key::user(""));
            gateway.space.watch(&Caller::System, vec![all])
        })
        .collect();
    bench.bench_function("put/into 1,000 watches", |bench| {
        bench.iter(|| {
            runtime.block_on(gateway.put("elsewhere", "news"));
            for watch in &mut watches {
                assert!(watch.try_next().is_some_and(|next| next.is_ok()));
            }
        });
    });
}

//! Benchmarks of commits on each store: one after another, and many concurrently.

use std::sync::Arc;

use criterion::{Criterion, Throughput};
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use kubekv::store::{MemoryStore, Store};
use tokio::runtime::Runtime;

use crate::gateway::Gateway;

/// As many as wrk's connections in `benches/compare/run`.
const CONCURRENT: usize = 64;

pub(crate) fn commits(bench: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    // On the disk of the checkout: the directory for temporary files may be in memory.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let options = EmbeddedOptions::new(directory.path(), Arc::new(|why| panic!("{why}")));
    let stores: [(&str, Arc<dyn Store>); 2] = [
        ("memory", Arc::new(MemoryStore::new())),
        ("embedded", Arc::new(EmbeddedStore::new(options))),
    ];
    for (name, store) in stores {
        let gateway = Arc::new(runtime.block_on(Gateway::open(store)));
        let mut group = bench.benchmark_group(name);
        group.sample_size(20);
        group.bench_function("commit", |bench| {
            bench
                .to_async(&runtime)
                .iter(|| gateway.put("one", "value"));
        });
        group.throughput(Throughput::Elements(CONCURRENT as u64));
        group.bench_function("commits side by side", |bench| {
            bench.to_async(&runtime).iter(|| async {
                let mut writes = tokio::task::JoinSet::new();
                for number in 0..CONCURRENT {
                    let gateway = Arc::clone(&gateway);
                    let key = format!("many/{number}");
                    writes.spawn(async move { gateway.put(&key, "value").await });
                }
                writes.join_all().await
            });
        });
        group.finish();
        runtime.block_on(gateway.space.close());
    }
}

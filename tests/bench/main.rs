//! `kubekv bench`: its clients and real servers, its figures and what servers then hold, and servers that are hostile.

#![cfg(test)]

mod codec;
mod command;
mod etcd3;
mod failover;
mod fake;
mod gateway;
mod hostile;
mod idle;
mod open_loop;
mod operations;
mod pipeline;
mod report;
mod results;
mod secured;
mod watchers;
mod zookeeper;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::client::{Consistency, Outcome};
use kubekv::bench::run::AnyClient;
use kubekv::bench::target::LoadTarget;
use kubekv::config::{SourceAccess, SourceUrl};

/// Longer than any operation takes.
const DEADLINE: Duration = Duration::from_secs(60);

/// Runs a test on a runtime of one thread, as a run has.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async { tokio::time::timeout(DEADLINE, test).await })
        .expect("an operation hangs");
}

async fn target(url: &SourceUrl, access: &SourceAccess) -> Arc<LoadTarget> {
    let target = LoadTarget::resolve(url, access, None, false).await;
    Arc::new(target.unwrap())
}

/// The entries of an outcome, and whether it is a conflict.
fn seen(outcome: Outcome) -> (u64, bool) {
    (outcome.entries, outcome.conflict)
}

/// Compare-and-swaps of `k` that win and that lose against other writes, on a server without it; the client that wrote it last.
async fn cas_loses_against_other_writes(target: &Arc<LoadTarget>) -> AnyClient {
    let client = || AnyClient::new(target, 0, Consistency::Linearizable);
    let [mut one, mut other] = [client(), client()];
    for conflict in [false, false] {
        assert_eq!(one.cas("k", b"one").await.unwrap().conflict, conflict);
    }
    // The first reads what it compares with.
    assert!(!other.cas("k", b"other").await.unwrap().conflict);
    for conflict in [true, false, false] {
        assert_eq!(one.cas("k", b"two").await.unwrap().conflict, conflict);
    }
    assert!(other.cas("k", b"stale").await.unwrap().conflict);
    // Who prepares sees the last change.
    one.put("k", b"put").await.unwrap();
    other.prepare_cas("k").await.unwrap();
    assert!(!other.cas("k", b"prepared").await.unwrap().conflict);
    one.delete("k").await.unwrap();
    assert!(one.cas("k", b"gone").await.unwrap().conflict);
    assert!(!one.cas("k", b"new").await.unwrap().conflict);
    one
}

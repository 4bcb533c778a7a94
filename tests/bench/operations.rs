//! The operations of a load: their counts are those of what the gateway then holds.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use kubekv::bench::client::Consistency;
use kubekv::bench::measure::Latencies;
use kubekv::bench::operation::Operation;
use kubekv::bench::report::RunResult;
use kubekv::bench::run::{AnyClient, Measured, Pace};
use kubekv::bench::target::LoadTarget;
use tokio::task::{JoinSet, LocalSet};

use crate::gateway::{Gateway, load, measure, result, target};
use crate::run;

/// The operations that are due.
const DUE: u64 = 100;

fn answered(measured: &Measured, operation: Operation) -> u64 {
    let record = &measured.recorder.operations[&operation];
    assert_eq!(record.failed(), 0, "{:?}", record.failures);
    record.answered
}

#[test]
fn created_keys_are_there_and_deleted_ones_are_not() {
    for (gateway, url) in Gateway::each() {
        let target = target(&url);
        let before = gateway.count("load/");
        let measured = measure(&target, load("create=1"));
        assert_eq!(answered(&measured, Operation::Create), DUE);
        assert_eq!(gateway.count("load/"), before + 100);
        let measured = measure(&target, load("delete=1"));
        assert_eq!(answered(&measured, Operation::Delete), DUE);
        assert_eq!(gateway.count("load/"), before + 100);
        let mut closed = load("delete=1");
        closed.pace = Pace::Closed;
        assert!(answered(&measure(&target, closed), Operation::Delete) > 0);
        assert_eq!(gateway.count("load/"), before + 100);
    }
}

#[test]
fn every_write_is_a_change_and_reads_change_nothing() {
    for (gateway, url) in Gateway::each() {
        let target = target(&url);
        // Fills.
        measure(&target, load("get=1"));
        let before = gateway.index();
        let measured = measure(&target, load("put=1"));
        assert_eq!(answered(&measured, Operation::Put), DUE);
        assert_eq!(gateway.index(), before + DUE);
        for (mix, operation) in [("get=1", Operation::Get), ("list=1", Operation::List)] {
            let mut reads = load(mix);
            reads.fill = false;
            assert_eq!(answered(&measure(&target, reads), operation), DUE);
        }
        assert_eq!(gateway.index(), before + DUE);
        assert_eq!(gateway.count("load/"), 8);
    }
}

#[test]
fn compare_and_swaps_of_one_key_count_who_lost() {
    for (gateway, url) in Gateway::each() {
        let target = target(&url);
        measure(&target, load("get=1"));
        let before = gateway.index();
        let mut shared = load("cas=1");
        shared.key = Some("load/00000003".to_owned());
        let measured = measure(&target, shared);
        assert_eq!(answered(&measured, Operation::Cas), DUE);
        // All read the key before the first of them writes.
        let conflicts = measured.recorder.operations[&Operation::Cas].conflicts;
        assert!((1..DUE).contains(&conflicts), "{conflicts}");
        assert_eq!(gateway.index(), before + DUE - conflicts);
    }
}

#[test]
fn bytes_are_those_of_the_answers() {
    let gateway = Gateway::start();
    let [consul, etcd] = gateway.urls();
    let plain = |url| {
        let mut plain = (*target(&url)).clone();
        plain.accepts_gzip = false;
        Arc::new(plain)
    };
    let bytes = |target: &Arc<LoadTarget>, mix: &str, operation, key: &str| {
        let mut reads = load(mix);
        reads.key = Some(key.to_owned());
        let measured = measure(target, reads);
        assert_eq!(answered(&measured, operation), DUE);
        measured.recorder.operations[&operation].bytes
    };
    let (consul, etcd) = (plain(consul), plain(etcd));
    // Fills.
    measure(&consul, load("get=1"));
    let length = |path| u64::try_from(gateway.consul(path).body.len()).unwrap();
    let got = bytes(&consul, "get=1", Operation::Get, "load/00000001");
    assert_eq!(got, DUE * length("/v1/kv/load/00000001"));
    let listed = bytes(&consul, "list=1", Operation::List, "load/");
    assert_eq!(listed, DUE * length("/v1/kv/load/?recurse"));
    // The value alone has 100 bytes.
    assert!(bytes(&etcd, "get=1", Operation::Get, "load/00000001") > DUE * 100);
    assert!(bytes(&etcd, "list=1", Operation::List, "load/") > DUE * 8 * 100);
}

#[test]
fn results_of_a_mix_are_json_with_the_whole_distribution() {
    for (_gateway, url) in Gateway::each() {
        let target = target(&url);
        let mix = "get=1,list=1,put=1,cas=1,create=1,delete=1,lock=1";
        let measured = measure(&target, load(mix));
        let result = result(&target, &measured);
        let text = serde_json::to_string(&result).unwrap();
        let read: RunResult = serde_json::from_str(&text).unwrap();
        assert_eq!(read.target, target.name());
        let mut sum = 0;
        for (name, operation) in &read.operations {
            assert_eq!(operation.failures.len(), 0, "{name}: {operation:?}");
            for latencies in [&operation.latency, &operation.service] {
                let decoded = Latencies::decode(&latencies.histogram).unwrap();
                assert_eq!(decoded.count(), operation.answered, "{name}");
            }
            // Unlocks are of their own.
            sum += if name == "unlock" {
                assert_eq!(operation.answered, read.operations["lock"].answered);
                0
            } else {
                operation.answered
            };
        }
        assert_eq!((read.operations.len(), sum, read.not_sent), (8, DUE, 0));
        assert!(kubekv::bench::report::text(&read).contains("longest time without a success"));
    }
}

#[test]
fn a_lock_has_one_holder() {
    for (_gateway, url) in Gateway::each() {
        let target = target(&url);
        run(async {
            let (local, mut tasks) = (LocalSet::new(), JoinSet::new());
            let inside = Rc::new(Cell::new(false));
            for number in 0..4 {
                let mut client = AnyClient::new(&target, number, Consistency::Linearizable);
                let inside = Rc::clone(&inside);
                let task = async move {
                    for _ in 0..5 {
                        let held = client.lock("lock").await.unwrap();
                        assert!(!inside.replace(true), "two holders");
                        tokio::time::sleep(Duration::from_millis(2)).await;
                        inside.set(false);
                        client.unlock("lock", held).await.unwrap();
                    }
                };
                tasks.spawn_local_on(task, &local);
            }
            local.run_until(tasks.join_all()).await;
        });
    }
}

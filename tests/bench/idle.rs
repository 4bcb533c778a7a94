//! Idle clients: the sessions and connections that are measured are there, and the memory is of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kubekv::bench::idle::{IdleKind, IdleMeasured, IdleOptions, measure};
use kubekv::bench::measure::ServerProcesses;
use kubekv::bench::report::{LoadSummary, RunResult, text};
use kubekv::bench::target::LoadTarget;
use support::command::{kubekv, run};
use support::metrics::metric;
use support::running::Running;

use crate::fake::{ANSWER, Fake, read_request, write};
use crate::gateway::{Gateway, target};

const COUNT: u32 = 30;

fn idle(target: &Arc<LoadTarget>, kind: IdleKind) -> IdleMeasured {
    let options = IdleOptions {
        kind,
        count: COUNT,
        prefix: "idle/".to_owned(),
        timeout: Duration::from_secs(20),
        settle: Duration::ZERO,
        server: ServerProcesses(vec![std::process::id()]),
    };
    let measured = measure(target, &options).unwrap();
    assert_eq!(measured.summary.open, u64::from(COUNT), "{measured:?}");
    assert_eq!(measured.opened.failed(), 0, "{measured:?}");
    measured
}

#[test]
fn sessions_of_consul_are_created_and_stay() {
    let gateway = Gateway::start();
    let [consul, _] = gateway.urls();
    idle(&target(&consul), IdleKind::Session);
    let listed = gateway.consul("/v1/session/list").body;
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed.len(), 30);
    assert!(listed.iter().all(|one| one["TTL"] == "120s"), "{listed:?}");
}

#[test]
fn sessions_of_etcd_are_keys_that_end_by_themselves() {
    let gateway = Gateway::start();
    let [_, etcd] = gateway.urls();
    idle(&target(&etcd), IdleKind::Session);
    let listed = gateway.etcd("/v2/keys/idle").body;
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    let nodes = listed["node"]["nodes"].as_array().unwrap();
    let ends = nodes.iter().filter(|node| node["ttl"].as_u64().is_some());
    assert_eq!((nodes.len(), ends.count()), (31, 30), "{listed}");
}

#[test]
fn connections_are_open_all_at_once_after_a_request_each() {
    let (open, most, asked) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let server = {
        let (most, asked) = (Arc::clone(&most), Arc::clone(&asked));
        Fake::start(move |mut stream| {
            let (open, most, asked) = (Arc::clone(&open), Arc::clone(&most), Arc::clone(&asked));
            async move {
                let now = open.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                while let Some(head) = read_request(&mut stream).await {
                    asked.fetch_add(u64::from(head.starts_with("GET ")), Ordering::SeqCst);
                    write(&mut stream, ANSWER).await;
                }
                open.fetch_sub(1, Ordering::SeqCst);
            }
        })
    };
    let measured = idle(&server.consul(), IdleKind::Connection);
    let seen = [&most, &asked].map(|count| count.load(Ordering::SeqCst));
    // The one that wrote the key may not have ended when the first of these came.
    assert!((30..=31).contains(&seen[0]), "{seen:?}");
    assert_eq!(seen[1], 30);
    let result = RunResult::of_idle(String::new(), LoadSummary::default(), &measured);
    assert_eq!(result.idle, Some(measured.summary));
    assert_eq!(result.operations["connection"].answered, 30);
    assert!(text(&result).contains("30 connections opened"));
}

#[test]
fn sessions_of_zookeeper_outlast_their_connections() {
    let mut command = kubekv();
    command.args(["serve", "--store", "memory:", "--zookeeper", "127.0.0.1:0"]);
    for face in ["--consul", "--etcd", "--admin"] {
        command.args([face, "127.0.0.1:0"]);
    }
    let gateway = Running::spawn(command);
    let target = format!("zk://{}", gateway.zookeeper());
    let pid = gateway.pid().to_string();
    let before = metric(&gateway, "kubekv_space_leases");
    let short = ["--settle", "0", "--pid", &pid, "--json", "-"];
    let done = run(&[&["bench", "idle", &target, "--sessions", "40"], &short[..]].concat());
    assert_eq!(done.code, 0, "{done:?}");
    let (result, idle) = (done.json(), done.json()["idle"].clone());
    assert_eq!(result["operations"]["session"]["answered"], 40, "{result}");
    assert_eq!(
        (&idle["kind"], &idle["open"]),
        (&"session".into(), &40.into())
    );
    assert!(idle["resident_bytes_idle"].as_u64() > Some(0), "{idle}");
    // That which wrote the key is one more.
    assert_eq!(metric(&gateway, "kubekv_space_leases"), before + 41);
    gateway.stop();
}

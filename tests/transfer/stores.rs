//! Transfers to and from every store, and the leadership they need.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::Signal;

use crate::entries::{dump, filled, import, refused};
use support::command::{embedded, kubekv, run};
use support::etcd_member::Member;
use support::kubernetes::namespace;
use support::running::Running;

#[test]
#[ignore = "needs etcd and Kubernetes: tests/run"]
fn entries_round_trip_through_every_store_unchanged() {
    let home = tempfile::tempdir().unwrap();
    let first = filled(&home.path().join("a"));
    let whole = dump(&first);
    assert!(whole.len() > 10);
    let member = Member::start("etcd-3.6");
    let stores = [
        member.store("kv"),
        format!("kubernetes:{}", namespace()),
        embedded(&home.path().join("b")),
    ];
    let mut from = first;
    for to in stores {
        let done = import(&["--from", &from, "--to", &to]);
        assert_eq!(done["written"], whole.len(), "{done}");
        assert_eq!(dump(&to), whole, "{to}");
        from = to;
    }
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn import_is_refused_while_a_gateway_leads() {
    let home = tempfile::tempdir().unwrap();
    let from = filled(&home.path().join("a"));
    let member = Member::start("etcd-3.6");
    let store = member.store("kv");
    let arguments = ["--lead-duration", "1", "--store", &store];
    let gateway = Running::start_by(
        kubekv(),
        &[&arguments[..], &["--node-name", "first"]].concat(),
    );
    support::metrics::wait_for_metric(gateway.admin, "kubekv_store_is_leader 1");
    let before = gateway.run(&["put", "a", "1"]);
    assert_eq!(before.code, 0, "{before:?}");
    // A read beside the leader shows the current entries and leaves its leadership alone.
    assert_eq!(dump(&store).len(), 1);
    let done = refused(&["import", "--from", &from, "--to", &store, "--into-existing"]);
    assert_eq!(done.code, 6, "{done:?}");
    let line = "a gateway (first) leads this store: stop its gateways first";
    assert!(done.err.contains(line), "{done:?}");
    assert_eq!(gateway.run(&["list"]).text(), "a\n");

    // The leadership of a dead leader is waited for.
    gateway.signal(Signal::KILL);
    let arguments = ["--from", &from, "--to", &store, "--into-existing"];
    let done = import(&arguments);
    assert_eq!(done["extra"][0], "a");
    // Leadership is released: a gateway takes it at once, and has the imported entries.
    let gateway = Running::start(&store);
    support::metrics::wait_for_metric(gateway.admin, "kubekv_store_is_leader 1");
    let moved = gateway.run(&["get", "docker/text"]);
    assert_eq!(moved.text(), "hello\n", "{moved:?}");
    gateway.stop();
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn killed_import_resumes_in_a_shared_store() {
    let member = Member::start("etcd-3.6");
    let (home, to) = (tempfile::tempdir().unwrap(), member.store("kv"));
    let file = home.path().join("export.json");
    let entries: Vec<String> = (0..2_000)
        .map(|number| format!(r#"{{"key":"k/{number:06}","flags":0,"value":"eA=="}}"#))
        .collect();
    std::fs::write(&file, format!("[{}]", entries.join(","))).unwrap();
    let data = format!("@{}", file.display());
    let mut cut = kubekv()
        .args(["import", &data, "--to", &to])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(cut.stderr.take().unwrap()).lines();
    let progress = err.find(|line| line.as_ref().unwrap().starts_with("kubekv: written "));
    cut.kill().unwrap();
    cut.wait().unwrap();
    let done = run(&["import", "--json", &data, "--to", &to]);
    assert_eq!(done.code, 0, "{progress:?}: {done:?}");
    assert!(
        done.err.contains("waiting for the leadership of the store"),
        "{done:?}"
    );
    assert!(
        done.json()["equal"].as_u64().unwrap() > 0,
        "{progress:?}: {done:?}"
    );
    assert_eq!(dump(&to).len(), 2_000);
}

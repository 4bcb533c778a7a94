//! External writes under the prefix, and external reads of it.

use crate::gateway::{get, leading, put, until};
use support::etcd_member::Member;
use support::metrics::wait_for_metric;
use support::requests::ask_body;
use support::requests::{ask, read_until, send};
use support::running::Running;

/// The value etcd has, as its own client shows it.
fn raw(member: &Member, key: &str) -> String {
    let value = member.ctl(&["get", "--print-value-only", key]).unwrap();
    value.trim_end().to_owned()
}

fn keys(member: &Member, prefix: &str) -> Vec<String> {
    let keys = member.ctl(&["get", "--prefix", "--keys-only", prefix]);
    let keys = keys.unwrap();
    let keys = keys.lines().filter(|line| !line.is_empty());
    keys.map(str::to_owned).collect()
}

fn until_parked(gateway: &Running, face: &str) {
    let line = format!("kubekv_face_in_flight{{face=\"{face}\"}} 1");
    wait_for_metric(gateway.admin, &line);
}

fn index(gateway: &Running, key: &str) -> u64 {
    let answer = ask(gateway.consul, &format!("GET /v1/kv/{key}"));
    let answer = answer.to_lowercase();
    let line = answer
        .lines()
        .find(|line| line.starts_with("x-consul-index"));
    line.unwrap().split(": ").nth(1).unwrap().parse().unwrap()
}

fn external_puts_and_deletes_reach_clients(component: &str) {
    let member = Member::start(component);
    let gateway = leading(&member.store("p"), &[]);
    put(&gateway, "k", "before");
    assert_eq!(raw(&member, "p/k"), "before");
    let mut waits = send(gateway.etcd, "GET /v2/keys/k?wait=true");
    until_parked(&gateway, "etcd");
    member.ctl(&["put", "p/k", "by hand"]).unwrap();
    let event = read_until(&mut waits, "by hand");
    assert!(event.contains("\"action\":\"set\""), "{event}");
    assert_eq!(get(&gateway, "k").as_deref(), Some("by hand"));
    let at = index(&gateway, "k");
    let consul = gateway.consul;
    let waits =
        std::thread::spawn(move || ask(consul, &format!("GET /v1/kv/k?wait=50s&index={at}")));
    until_parked(&gateway, "consul");
    member.ctl(&["del", "p/k"]).unwrap();
    let answer = waits.join().unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    put(&gateway, "k", "again");
    assert_eq!(raw(&member, "p/k"), "again");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn external_puts_and_deletes_reach_clients_on_3_4() {
    external_puts_and_deletes_reach_clients("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn external_puts_and_deletes_reach_clients_on_3_5() {
    external_puts_and_deletes_reach_clients("etcd-3.5");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn external_puts_and_deletes_reach_clients_on_3_6() {
    external_puts_and_deletes_reach_clients("etcd-3.6");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn external_transaction_is_one_commit() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    put(&gateway, "a", "1");
    let txn = b"\nput p/a 2\nput p/b 2\nput outside 2\n\n\n\n";
    member.ctl_with(&["txn"], txn).unwrap();
    until("it is delivered", || {
        get(&gateway, "b").as_deref() == Some("2")
    });
    assert_eq!(get(&gateway, "a").as_deref(), Some("2"));
    assert_eq!(index(&gateway, "a"), index(&gateway, "b"));
    assert_eq!(get(&gateway, "outside"), None);
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn orphaned_attributes_are_ignored_and_removed() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    for key in ["put", "deleted"] {
        let written = ask(gateway.consul, &format!("PUT /v1/kv/{key}?flags=7"));
        assert!(written.starts_with("HTTP/1.1 200"), "{written}");
    }
    let attributes = "p/.kubekv/attributes/";
    let beside = || {
        let mut keys = keys(&member, attributes);
        keys.retain(|key| key.ends_with("/put") || key.ends_with("/deleted"));
        keys.len()
    };
    assert_eq!(beside(), 2);
    member.ctl(&["put", "p/put", "by hand"]).unwrap();
    member.ctl(&["del", "p/deleted"]).unwrap();
    until("it is delivered", || {
        get(&gateway, "put").as_deref() == Some("by hand") && get(&gateway, "deleted").is_none()
    });
    let shown = ask(gateway.consul, "GET /v1/kv/put");
    assert!(shown.contains("\"Flags\":0"), "{shown}");
    until("removed", || beside() == 0);
    // Keys that no gateway wrote are shown as well, and attributes without a key are not.
    member.ctl(&["put", "p/.kubekv/key/odd", "x"]).unwrap();
    member
        .ctl(&["put", "p/.kubekv/attributes/put", "no json"])
        .unwrap();
    put(&gateway, "put", "after");
    assert_eq!(get(&gateway, "put").as_deref(), Some("after"));
    assert_eq!(gateway.stop().code, 0);
    // A gateway that starts shows the same.
    let next = leading(&member.store("p"), &[]);
    assert_eq!(get(&next, "put").as_deref(), Some("after"));
    assert_eq!(get(&next, "deleted"), None);
    assert_eq!(next.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn keys_resembling_own_records_belong_to_clients() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    put(&gateway, ".kubekv/lead", "mine");
    assert_eq!(get(&gateway, ".kubekv/lead").as_deref(), Some("mine"));
    assert_eq!(raw(&member, "p/.kubekv/key/.kubekv/lead"), "mine");
    assert!(raw(&member, "p/.kubekv/lead").contains("\"holder\""));
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn in_order_keys_are_renamed_to_their_final_names() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    let mut names = Vec::new();
    for _ in 0..3 {
        let made = ask(gateway.etcd, "POST /v2/keys/queue?value=job");
        let node = made.lines().last().unwrap();
        let node: serde_json::Value = serde_json::from_str(node).unwrap();
        let name = node["node"]["key"].as_str().unwrap().to_owned();
        let index = node["node"]["createdIndex"].as_u64().unwrap();
        assert_eq!(name, format!("/queue/{index:020}"), "{made}");
        // It can be changed immediately.
        let done = gateway.run(&["put", name.trim_start_matches('/'), "done"]);
        assert_eq!(done.code, 0, "{done:?}");
        names.push(name);
    }
    assert!(names.is_sorted());
    until("renamed", || {
        keys(&member, "p/.kubekv/in-order/").is_empty()
    });
    for name in &names {
        assert_eq!(raw(&member, &format!("p{name}")), "done");
    }
    assert_eq!(gateway.stop().code, 0);
    let next = leading(&member.store("p"), &[]);
    for name in &names {
        assert_eq!(
            get(&next, name.trim_start_matches('/')).as_deref(),
            Some("done")
        );
    }
    assert_eq!(next.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn oversized_writes_are_refused_naming_the_limit() {
    let member = Member::start_with("etcd-3.6", "http", &["--max-request-bytes", "100000"]);
    let gateway = leading(&member.store("p"), &[]);
    let large = |bytes: usize| {
        let value = "x".repeat(bytes);
        support::command::run_with(
            &["put", "k", "--address", &gateway.consul.to_string(), "-"],
            value.as_bytes(),
        )
    };
    let refused = large(200_000);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.err.contains("--max-request-bytes"), "{refused:?}");
    assert!(!refused.err.contains("space"), "{refused:?}");
    let value = "x".repeat(200_000);
    let over_consul = ask_body(gateway.consul, "PUT /v1/kv/k", "", &value);
    assert!(over_consul.starts_with("HTTP/1.1 413"), "{over_consul}");
    let form = "application/x-www-form-urlencoded";
    let over_etcd = ask_body(
        gateway.etcd,
        "PUT /v2/keys/k",
        form,
        format!("value={value}"),
    );
    assert!(over_etcd.starts_with("HTTP/1.1 400"), "{over_etcd}");
    let refused = large(1_600_000);
    assert!(refused.err.contains("1540096"), "{refused:?}");
    put(&gateway, "k", "small");
    let metrics = ask(gateway.admin, "GET /metrics");
    for line in [
        "kubekv_store_refused_total{reason=\"too_large\"} 3",
        // gRPC's InvalidArgument.
        "kubekv_store_requests_total{verb=\"replace\",status=\"3\"} 3",
        "kubekv_store_requests_total{verb=\"watch\",status=\"0\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert_eq!(gateway.stop().code, 0);
}

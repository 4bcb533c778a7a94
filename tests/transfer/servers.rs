//! Imports from a real Consul and etcd.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::entries::{assert_named, dump, entries, fill_consul, fill_etcd, import, json, put};
use support::command::{embedded, run};
use support::consul::Real;
use support::etcd::Etcd;
use support::etcd_member::Member;
use support::requests::ask;
use support::running::Running;

/// Consul's answer for its keys, without the indexes.
fn keys(consul: std::net::SocketAddr) -> Vec<Value> {
    let mut found = json(consul, "GET /v1/kv/?recurse");
    for entry in found.as_array_mut().unwrap() {
        let entry = entry.as_object_mut().unwrap();
        for index in ["CreateIndex", "ModifyIndex", "LockIndex"] {
            entry.remove(index);
        }
    }
    found.as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs consul: tests/run"]
async fn consul_is_imported() {
    let real = Real::start().await;
    let home = tempfile::tempdir().unwrap();
    let to = embedded(home.path());
    tokio::task::block_in_place(|| {
        fill_consul(real.address);
        let from = format!("consul://{}", real.address);
        let done = run(&["import", "--from", &from, "--to", &to]);
        assert_eq!(done.code, 0, "{done:?}");
        assert_named(&done.err);
        let dumped = run(&["export", "--from", &from]);
        assert_eq!(dump(&to), entries(dumped.text()));

        let gateway = Running::start(&to);
        let mut there = keys(real.address);
        there.retain(|entry| entry["Key"] != "docker/lent");
        assert_eq!(there.len(), 5);
        for entry in &mut there {
            entry.as_object_mut().unwrap().remove("Session");
        }
        assert_eq!(keys(gateway.consul), there);
        gateway.stop();
        // A part of it, to another place.
        let part = [
            "--prefix",
            "/docker/t",
            "--dest-prefix",
            "t",
            "--into-existing",
        ];
        let done = import(&[&["--from", &from, "--to", &to], &part[..]].concat());
        assert_eq!(done["written"], 1);
        assert_eq!(dump(&to)["text"]["value"], "hello");
    });
}

/// etcd's answer for its nodes, without the indexes and remaining TTLs.
fn nodes(mut node: Value) -> Value {
    let fields = node.as_object_mut().unwrap();
    for index in ["createdIndex", "modifiedIndex", "expiration"] {
        fields.remove(index);
    }
    if let Some(ttl) = fields.get_mut("ttl") {
        assert!(ttl.as_u64().unwrap() > 2_900);
        *ttl = Value::from(true);
    }
    if let Some(children) = fields.get_mut("nodes") {
        let children = children.as_array_mut().unwrap();
        let mut sorted: Vec<Value> = std::mem::take(children).into_iter().map(nodes).collect();
        sorted.sort_by_key(|child| child["key"].to_string());
        *children = sorted;
    }
    node
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs etcd: tests/run"]
async fn etcd_is_imported_over_v2() {
    let real = Etcd::start().await;
    let home = tempfile::tempdir().unwrap();
    let to = embedded(home.path());
    tokio::task::block_in_place(|| {
        fill_etcd(real.address);
        put(real.address, "/v2/keys/tree/%C3%A9%20x", b"value=%22%0A");
        // The first member is down; the second answers.
        let from = format!("etcd2://127.0.0.1:1,{}", real.address);
        let done = import(&["--from", &from, "--to", &to]);
        assert_eq!(done["entries"], 8, "{done}");
        let gateway = Running::start(&to);
        let all = "GET /v2/keys/tree?recursive=true";
        let tree = |address| nodes(json(address, all)["node"].clone());
        assert_eq!(tree(gateway.etcd), tree(real.address));
        gateway.stop();

        // Bytes that are not UTF-8 do not come through unchanged: the report says so.
        put(real.address, "/v2/keys/tree/bytes", b"value=%FF");
        let done = run(&["export", "tree/b", "--from", &from]);
        assert_eq!(done.code, 1, "{done:?}");
        assert_eq!(entries(done.text()).len(), 1);
        assert!(
            done.err
                .contains("moved as the source returned it): tree/bytes"),
            "{done:?}"
        );
        let done = run(&["export", "nothing/here", "--from", &from]);
        assert_eq!((done.code, entries(done.text()).len()), (0, 0), "{done:?}");
    });
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn etcd_is_imported_over_v3() {
    let member = Member::start("etcd-3.6");
    let home = tempfile::tempdir().unwrap();
    let to = embedded(home.path());
    let lease = member.ctl(&["lease", "grant", "3000"]).unwrap();
    let lease = lease.split_whitespace().nth(1).unwrap().to_owned();
    member
        .ctl(&["put", "/app/lent", "1", "--lease", &lease])
        .unwrap();
    member
        .ctl_with(&["put", "/app/bytes"], b"\xff\x00\n")
        .unwrap();
    // More than a page.
    let puts: Vec<String> = (0..600)
        .map(|number| format!("put /app/k{number:03} v{number}"))
        .collect();
    for part in puts.chunks(100) {
        let script = format!("\n{}\n\n\n", part.join("\n"));
        member.ctl_with(&["txn"], script.as_bytes()).unwrap();
    }
    member.ctl(&["put", "/other", "1"]).unwrap();
    let from = format!("etcd3://{}", member.address());
    let part = ["--prefix", "/app/", "--dest-prefix", "app/"];
    let done = import(&[&["--from", &from, "--to", &to], &part[..]].concat());
    assert_eq!(done["entries"], 602, "{done}");
    let moved = dump(&to);
    assert_eq!(
        moved["app/k599"],
        json!({"key": "app/k599", "value": "v599"})
    );
    assert_eq!(moved["app/bytes"]["value_base64"], "/wAK");
    assert_eq!(moved["app/lent"]["ttl_ms"], true);
    let all = run(&["export", "--from", &from]);
    assert_eq!(entries(all.text()).len(), 603, "{all:?}");

    // A store of kubekv there is not read as keys of other programs.
    let store = member.store("kv");
    import(&[r#"[{"key":"a","flags":0,"value":""}]"#, "--to", &store]);
    let done = run(&["export", "--from", &from]);
    assert_eq!(done.code, 6, "{done:?}");
    assert!(done.err.contains("read it as etcd://"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs consul: tests/run"]
async fn changes_during_an_import_are_caught_up_or_reported() {
    let real = Real::start().await;
    let home = tempfile::tempdir().unwrap();
    let to = embedded(home.path());
    let stop = Arc::new(AtomicBool::new(false));
    let address = real.address;
    // So many that each pass of the import meets one.
    let writers = [0, 1, 2, 3].map(|number| {
        let stop = Arc::clone(&stop);
        std::thread::spawn(move || {
            let mut count = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                count += 1;
                let value = format!("{number}.{count}");
                put(address, "/v1/kv/count", value.as_bytes());
                put(address, &format!("/v1/kv/k/{value}"), b"");
                ask(address, &format!("DELETE /v1/kv/k/{number}.{}", count / 2));
            }
        })
    });
    tokio::task::block_in_place(|| {
        let from = format!("consul://{address}");
        let done = run(&["import", "--from", &from, "--to", &to]);
        assert_eq!(done.code, 1, "{done:?}");
        assert!(
            done.err.contains("the source is still changing"),
            "{done:?}"
        );
        // Which of the writers' keys the last pass met is up to chance.
        let named = ["count", "k/"].map(|key| format!("changing in the source: {key}"));
        assert!(named.iter().any(|line| done.err.contains(line)), "{done:?}");
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().unwrap();
        }
        import(&["--from", &from, "--to", &to, "--into-existing", "--delete"]);
        let now = run(&["export", "--from", &from]);
        assert_eq!(dump(&to), entries(now.text()));
    });
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs consul: tests/run"]
async fn server_of_another_kind_is_reported() {
    let real = Real::start().await;
    tokio::task::block_in_place(|| {
        let from = format!("etcd2://{}", real.address);
        let done = run(&["export", "--from", &from]);
        assert_eq!(done.code, 4, "{done:?}");
        let done = run(&["export", "--from", "consul://127.0.0.1:1"]);
        assert_eq!(done.code, 3, "{done:?}");
        let line = "kubekv: cannot reach Consul at 127.0.0.1:1: ";
        assert!(done.err.starts_with(line), "{done:?}");
    });
}

//! One keyspace for both protocols: each reads and watches the writes of the other, as docs/compatibility.md has it.

#![cfg(test)]

use std::collections::BTreeMap;
use std::sync::Arc;

use kubekv::guard;
use kubekv::space::Keyspace;
use kubekv::store::{MemoryStore, Store as _};
use prometheus_client::registry::Registry;
use support::faces;
use support::http_client::{Answer, request, unpack};

/// Both faces on one keyspace.
struct Faces(faces::BothFaces);

async fn faces() -> Faces {
    Faces(faces::both().await)
}

impl Faces {
    async fn consul(&self, method: &str, path: &str, body: &str) -> Answer {
        request(
            self.0.consul,
            method,
            &format!("/v1/kv/{path}"),
            &[],
            body.as_bytes(),
        )
        .await
    }

    async fn etcd(&self, method: &str, path: &str, body: &str) -> Answer {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        request(
            self.0.etcd,
            method,
            &format!("/v2/keys/{path}"),
            &form,
            body.as_bytes(),
        )
        .await
    }

    /// The node that etcd shows at a path: `-`, `dir`, or the value.
    async fn shown(&self, path: &str) -> String {
        let answer = self.etcd("GET", path, "").await.json();
        match (&answer["node"]["dir"], &answer["node"]["value"]) {
            (dir, _) if dir.is_boolean() => "dir".to_owned(),
            (_, value) if value.is_string() => value.as_str().unwrap().to_owned(),
            _ => "-".to_owned(),
        }
    }
}

#[tokio::test]
async fn consul_key_is_an_etcd_node() {
    let faces = faces().await;
    for (key, value) in [
        ("a", "1"),
        ("b/", "2"),
        ("c/", ""),
        ("d/e/f", "3"),
        ("g", "hidden"),
        ("g/h", "4"),
    ] {
        assert_eq!(faces.consul("PUT", key, value).await.text(), "true");
    }
    let table = [
        ("a", "1"),
        ("b", "2"),
        ("c", "dir"),
        ("d", "dir"),
        ("d/e", "dir"),
        ("d/e/f", "3"),
        ("g", "dir"),
    ];
    for (path, shown) in table {
        assert_eq!(faces.shown(path).await, shown, "{path}");
    }
}

#[tokio::test]
async fn etcd_key_is_a_consul_key_and_a_directory_ends_with_a_slash() {
    let faces = faces().await;
    faces.etcd("PUT", "a/b", "value=1").await;
    faces.etcd("PUT", "d", "dir=true").await;
    let keys = faces.consul("GET", "?keys", "").await.json();
    assert_eq!(keys, serde_json::json!(["a/", "a/b", "d/"]));
    assert_eq!(faces.consul("GET", "a/b?raw", "").await.text(), "1");
}

#[tokio::test]
async fn update_keeps_the_spelling_and_attributes_of_the_other_protocol() {
    let faces = faces().await;
    faces
        .consul("PUT", "docker/network/?flags=3304740253564472344", "old")
        .await;
    let answer = faces.etcd("PUT", "docker/network", "value=new").await;
    assert_eq!(answer.json()["prevNode"]["value"], "old");
    let entries = faces.consul("GET", "docker/?recurse", "").await.json();
    assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
    assert_eq!(entries[0]["Key"], "docker/network/");
    assert_eq!(entries[0]["Flags"], 3_304_740_253_564_472_344_u64);
    assert_eq!(entries[0]["Value"], "bmV3");
}

#[tokio::test]
async fn both_protocols_share_one_index() {
    let faces = faces().await;
    let first = faces.etcd("PUT", "a", "value=1").await.json()["node"]["modifiedIndex"]
        .as_u64()
        .unwrap();
    let entry = &faces.consul("GET", "a", "").await;
    assert_eq!(entry.header("x-consul-index"), first.to_string());
    assert_eq!(entry.json()[0]["CreateIndex"], first);
    let swapped = faces.consul("PUT", &format!("a?cas={first}"), "2").await;
    assert_eq!(swapped.text(), "true");
    let refused = faces
        .etcd("PUT", &format!("a?prevIndex={first}"), "value=3")
        .await;
    assert_eq!(
        (refused.status, &refused.json()["errorCode"]),
        (412, &serde_json::json!(101))
    );
}

#[tokio::test]
async fn each_protocol_watches_writes_of_the_other() {
    let faces = faces().await;
    let index = faces.etcd("PUT", "w/a", "value=1").await.json()["node"]["modifiedIndex"]
        .as_u64()
        .unwrap();
    let poll = format!("w/?recurse&index={index}");
    let (polled, _) = tokio::join!(
        faces.consul("GET", &poll, ""),
        faces.etcd("PUT", "w/b", "value=2")
    );
    assert_eq!(
        polled.json().as_array().unwrap().len(),
        3,
        "the directory, a and b"
    );
    let index: u64 = polled.header("x-consul-index").parse().unwrap();
    let wait = format!("w?wait=true&recursive=true&waitIndex={}", index + 1);
    let (event, _) = tokio::join!(
        faces.etcd("GET", &wait, ""),
        faces.consul("DELETE", "w/a", "")
    );
    assert_eq!(event.json()["action"], "delete");
    assert_eq!(event.json()["node"]["key"], "/w/a");
    assert_eq!(event.json()["prevNode"]["value"], "1");
}

#[tokio::test]
async fn keys_without_a_valid_path_are_visible_to_consul_only() {
    let faces = faces().await;
    faces.consul("PUT", "x/%ff", "v").await;
    faces.consul("PUT", "plain", "v").await;
    let listed = faces.etcd("GET", "?recursive=true", "").await.json();
    assert_eq!(
        listed["node"]["nodes"].as_array().unwrap().len(),
        1,
        "{listed}"
    );
    assert_eq!(faces.consul("GET", "x/%ff?raw", "").await.text(), "v");
}

#[tokio::test]
async fn cached_list_is_correct_after_every_change() {
    let faces = faces().await;
    for number in 0..300 {
        faces
            .consul("PUT", &format!("list/{number:03}"), "value")
            .await;
    }
    for round in 0..3 {
        for _ in 0..2 {
            assert_lists(&faces, &format!("{round}")).await;
        }
        faces.consul("PUT", "elsewhere", "value").await;
        faces
            .etcd("PUT", "list/007", &format!("value={}", round + 1))
            .await;
        faces.etcd("DELETE", &format!("list/1{round}0"), "").await;
    }
}

/// Asserts that every form of the list has the same, current entries.
async fn assert_lists(faces: &Faces, round: &str) {
    let gzip = [("accept-encoding", "gzip")];
    let uri = "/v1/kv/list/?recurse";
    let plain = request(faces.0.consul, "GET", uri, &[], b"").await;
    let packed = request(faces.0.consul, "GET", uri, &gzip, b"").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(unpack(&packed.body), plain.body);
    let uri = "/v2/keys/list?recursive=true&sorted=true";
    let tree = request(faces.0.etcd, "GET", uri, &[], b"").await;
    let packed = request(faces.0.etcd, "GET", uri, &gzip, b"").await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(unpack(&packed.body), tree.body);
    let (plain, tree) = (plain.json(), tree.json());
    // The directory is an entry of its own only where etcd made it.
    let (entries, nodes) = (
        plain.as_array().unwrap(),
        tree["node"]["nodes"].as_array().unwrap(),
    );
    assert_eq!(entries.len(), nodes.len());
    for (entry, node) in entries.iter().zip(nodes) {
        assert_eq!(format!("/{}", entry["Key"].as_str().unwrap()), node["key"]);
        assert_eq!(entry["ModifyIndex"], node["modifiedIndex"]);
    }
    let seventh = if round == "0" { "value" } else { round };
    assert_eq!(nodes[7]["value"], seventh);
}

#[tokio::test(flavor = "multi_thread")]
async fn list_index_matches_its_entries_during_writes() {
    let faces = Arc::new(faces().await);
    faces.etcd("PUT", "d/stays", "value=v").await;
    let writer = tokio::spawn({
        let faces = Arc::clone(&faces);
        async move {
            let mut writes = BTreeMap::new();
            for turn in 0..400 {
                let method = if turn % 2 == 0 { "PUT" } else { "DELETE" };
                let answer = faces.etcd(method, "d/x", "value=v").await.json();
                let index = answer["node"]["modifiedIndex"].as_u64().unwrap();
                writes.insert(index, method == "PUT");
            }
            writes
        }
    });
    let (mut by_consul, mut by_etcd) = (Vec::new(), Vec::new());
    while !writer.is_finished() {
        let list = faces.consul("GET", "d/x?recurse", "").await;
        let index = list.header("x-consul-index").parse::<u64>().unwrap();
        by_consul.push((index, list.status == 200));
        let list = faces.etcd("GET", "d?quorum=true", "").await;
        let index = list.header("x-etcd-index").parse::<u64>().unwrap();
        by_etcd.push((index, list.text().contains("d/x")));
    }
    let writes = writer.await.unwrap();
    for (face, lists) in [("Consul", by_consul), ("etcd", by_etcd)] {
        for (index, shown) in lists {
            // Before the first write it is not there.
            let there = writes
                .range(..=index)
                .next_back()
                .is_some_and(|(_, put)| *put);
            assert_eq!(shown, there, "{face}'s list at {index}");
        }
    }
}

#[tokio::test]
async fn full_keyspace_refuses_what_makes_it_grow_and_says_how_to_go_on() {
    let store = Arc::new(MemoryStore::new());
    let admit = guard::for_store(store.limits(), 19_000, None);
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    let faces = Faces(faces::both_of(opened.unwrap().0).await);
    let large = "x".repeat(9_000);
    for key in ["a", "b"] {
        assert_eq!(faces.consul("PUT", key, &large).await.text(), "true");
    }
    let create = "/v1/session/create";
    for refused in [
        faces.consul("PUT", "c", &large).await,
        request(faces.0.consul, "PUT", create, &[], b"").await,
    ] {
        assert_eq!(refused.status, 500);
        assert!(
            refused.text().contains("--memory-limit"),
            "{}",
            refused.text()
        );
    }
    let form = format!("value={large}");
    let refused = faces.etcd("PUT", "c", &form).await;
    assert_eq!(refused.status, 500);
    let refused = refused.json();
    assert_eq!(refused["errorCode"], 300);
    let cause = refused["cause"].as_str().unwrap();
    assert!(cause.contains("--memory-limit"), "{cause}");
    // What needs no more goes on: the same value, reads, and deletions.
    assert_eq!(faces.consul("PUT", "b", &large).await.text(), "true");
    assert_eq!(faces.shown("a").await, large);
    assert_eq!(faces.etcd("DELETE", "a", "").await.status, 200);
    assert_eq!(faces.etcd("PUT", "c", &form).await.status, 201);
}

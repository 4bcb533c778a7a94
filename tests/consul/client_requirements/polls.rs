//! Indexes, and blocking queries that wait for them to advance.

use std::time::Duration;

use serde_json::json;

use super::super::client::Gateway;

#[tokio::test]
async fn delete_with_cas_succeeds_at_the_modify_index_only() {
    let gateway = Gateway::start().await;
    let index = gateway.set("a", "one").await;
    assert_eq!(gateway.delete("kv/a?cas=6744").await.text(), "false");
    assert_eq!(
        gateway.delete(&format!("kv/a?cas={index}")).await.text(),
        "true"
    );
    assert_eq!(gateway.get("kv/a").await.status, 404);
}

#[tokio::test]
async fn every_read_carries_index_contact_and_leader_headers_even_404() {
    let gateway = Gateway::start().await;
    gateway.set("a", "v").await;
    for path in [
        "kv/a",
        "kv/nope",
        "kv/a?raw",
        "kv/?recurse",
        "kv/nope?recurse",
        "kv/nope?keys",
        "session/list",
    ] {
        let answer = gateway.get(path).await;
        assert!(answer.index() >= 1, "{path}");
        assert_eq!(answer.header("x-consul-lastcontact"), "0", "{path}");
        assert_eq!(answer.header("x-consul-knownleader"), "true", "{path}");
    }
}

#[tokio::test]
async fn the_index_is_never_0_and_a_poll_with_the_first_index_waits() {
    let gateway = Gateway::start().await;
    let index = gateway.get("kv/a").await.index();
    assert_eq!(index, 1);
    let parked = gateway.park(&format!("kv/a?index={index}&wait=1m")).await;
    gateway.set("a", "v").await;
    assert_eq!(
        parked.await.unwrap().status,
        200,
        "the first change must wake the poll"
    );
}

#[tokio::test]
async fn the_index_of_a_single_key_is_its_modify_index() {
    let gateway = Gateway::start().await;
    gateway.set("a", "v").await;
    gateway.set("b", "v").await;
    let answer = gateway.get("kv/a").await;
    assert_eq!(json!(answer.index()), answer.field("ModifyIndex"));
    assert_eq!(answer.index(), 2);
}

#[tokio::test]
async fn the_index_of_a_list_is_its_last_write_or_deletion() {
    let gateway = Gateway::start().await;
    gateway.set("d/a", "v").await;
    let after_b = gateway.set("d/b", "v").await;
    gateway.set("e", "v").await;
    assert_eq!(gateway.get("kv/d/?recurse").await.index(), after_b);
    gateway.delete("kv/d/b").await;
    let after_delete = gateway.get("kv/d/?recurse").await.index();
    assert!(after_delete > after_b);
    gateway.delete("kv/d/?recurse").await;
    let after_all = gateway.get("kv/d/?recurse").await;
    assert_eq!(after_all.status, 404);
    assert!(after_all.index() > after_delete);
}

#[tokio::test]
async fn the_index_of_a_missing_key_ignores_other_keys() {
    let gateway = Gateway::start().await;
    gateway.set("a", "v").await;
    gateway.delete("kv/a").await;
    let gone = gateway.get("kv/a").await.index();
    gateway.set("b", "v").await;
    assert_eq!(gateway.get("kv/a").await.index(), gone);
}

#[tokio::test]
async fn a_put_of_the_same_value_moves_the_index_and_wakes_watchers() {
    let gateway = Gateway::start().await;
    let first = gateway.set("a", "world!").await;
    let parked = gateway
        .park(&format!("kv/a?wait=15000ms&index={first}"))
        .await;
    let tree = gateway
        .park(&format!("kv/a?recurse=&wait=15000ms&index={first}"))
        .await;
    let second = gateway.set("a", "world!").await;
    assert!(second > first);
    assert_eq!(parked.await.unwrap().index(), second);
    assert_eq!(tree.await.unwrap().index(), second);
}

#[tokio::test]
async fn a_watch_of_a_key_sees_its_deletion_as_404_with_a_new_index() {
    let gateway = Gateway::start().await;
    let index = gateway.set("a", "v").await;
    let parked = gateway
        .park(&format!("kv/a?wait=15000ms&index={index}"))
        .await;
    gateway.delete("kv/a").await;
    let answer = parked.await.unwrap();
    assert_eq!(answer.status, 404);
    assert!(answer.index() > index);
}

#[tokio::test]
async fn a_watch_of_a_tree_sees_puts_and_deletes_beneath_it() {
    let gateway = Gateway::start().await;
    let index = gateway.set("d/a", "v").await;
    let parked = gateway
        .park(&format!("kv/d?recurse=&wait=15000ms&index={index}"))
        .await;
    gateway.set("d/b", "v").await;
    let answer = parked.await.unwrap();
    assert_eq!(answer.keys(), ["d/a", "d/b"]);
    let parked = gateway
        .park(&format!(
            "kv/d?recurse=&wait=15000ms&index={}",
            answer.index()
        ))
        .await;
    gateway.delete("kv/d/a").await;
    assert_eq!(parked.await.unwrap().keys(), ["d/b"]);
}

#[tokio::test]
async fn a_poll_ignores_writes_to_other_keys() {
    let gateway = Gateway::start().await;
    let index = gateway.set("a", "v").await;
    let parked = gateway.park(&format!("kv/a?index={index}")).await;
    for key in ["b", "a/", "ab"] {
        gateway.set(key, "v").await;
    }
    assert!(!parked.is_finished());
    let last = gateway.set("a", "v").await;
    assert_eq!(parked.await.unwrap().index(), last);
}

#[tokio::test(start_paused = true)]
async fn a_poll_ends_after_its_wait_with_its_own_index() {
    let gateway = Gateway::start().await;
    gateway.call("PUT", "kv/a", "v").await;
    let begun = tokio::time::Instant::now();
    let answer = gateway.call("GET", "kv/a?wait=15000ms&index=2", "").await;
    let waited = begun.elapsed();
    assert_eq!((answer.status, answer.index()), (200, 2));
    let most = Duration::from_secs(15) + Duration::from_secs(15) / 16;
    assert!(
        Duration::from_secs(15) <= waited && waited <= most + Duration::from_millis(1),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_poll_without_wait_ends_after_five_minutes() {
    let gateway = Gateway::start().await;
    gateway.call("PUT", "kv/a", "v").await;
    let begun = tokio::time::Instant::now();
    gateway.call("GET", "kv/a?consistent=&index=2", "").await;
    assert!((300..320).contains(&begun.elapsed().as_secs()));
}

#[tokio::test]
async fn a_poll_with_a_future_index_is_answered_at_once() {
    let gateway = Gateway::start().await;
    let index = gateway.set("a", "v").await;
    let answer = gateway.get("kv/a?index=1000000").await;
    assert_eq!((answer.status, answer.index()), (200, index));
    assert_eq!(
        gateway
            .get("kv/?recurse&index=18446744073709551615")
            .await
            .index(),
        index
    );
}

//! Indexes and wake-ups: hidden changes move no index and wake no query.

use super::gateway::{ADMIN, Gateway, NODE, answered, is_parked};

#[tokio::test(start_paused = true)]
async fn hidden_changes_move_no_index_and_wake_no_blocking_query() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    gateway.set("open", "1").await;
    gateway.set("secret/x", "1").await;
    let reads = ["GET kv/?recurse", "GET kv/?keys", "GET kv/s?keys"];
    let index = async |what: &str| gateway.consul(NODE, what, "").await.index();
    let mut before = Vec::new();
    for what in reads {
        before.push(index(what).await);
    }
    let blocking = format!("GET kv/?recurse&index={}&wait=5m", before[0]);
    let mut query = Box::pin(gateway.consul(NODE, &blocking, ""));
    assert!(is_parked(&mut query).await);
    gateway.set("secret/x", "2").await;
    gateway.set("secret/y", "1").await;
    gateway.consul(ADMIN, "DELETE kv/secret/?recurse", "").await;
    assert!(is_parked(&mut query).await, "woken by a hidden change");
    for (what, before) in reads.iter().zip(before) {
        assert_eq!(index(what).await, before, "{what}");
    }
    gateway.set("open", "2").await;
    assert!(answered(query).await.body.contains("Mg=="));
}

#[tokio::test(start_paused = true)]
async fn hidden_changes_wake_no_watch() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    gateway.set("open", "1").await;
    let mut watch = Box::pin(gateway.etcd(NODE, "GET ?wait=true&recursive=true", ""));
    assert!(is_parked(&mut watch).await);
    gateway.set("secret/x", "1").await;
    gateway
        .etcd(ADMIN, "DELETE secret?recursive=true", "")
        .await;
    assert!(is_parked(&mut watch).await, "woken by a hidden change");
    gateway.set("open", "2").await;
    assert_eq!(answered(watch).await.json()["node"]["key"], "/open");
}

/// The index of a prefix does not fall when its visible keys are hidden.
#[tokio::test]
async fn the_index_of_a_partly_hidden_prefix_never_falls() {
    let gateway = Gateway::start(vec![("d/secret", false)]).await;
    gateway.set("d/a", "1").await;
    gateway.set("d/secret", "1").await;
    let before = gateway.consul(NODE, "GET kv/d/?recurse", "").await.index();
    gateway.consul(ADMIN, "DELETE kv/d/a", "").await;
    let after = gateway.consul(NODE, "GET kv/d/?recurse", "").await;
    assert_eq!(after.status, 404);
    assert!(after.index() > before);
}

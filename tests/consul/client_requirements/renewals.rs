//! Renewals: Docker's heartbeat over Consul, which writes the same value under its session again and again.

use std::time::Duration;

use super::super::client::Gateway;
use super::LOCK_FLAGS;

const HOST: &str = "kv/docker/nodes/10.0.0.1:2376";

/// As libkv's `Put` with a TTL: an entry that a session has locked.
async fn host(gateway: &Gateway) -> String {
    let body = r#"{"Behavior":"delete","LockDelay":"1ms","TTL":"10s"}"#;
    let made = gateway.call("PUT", "session/create", body).await;
    let id = made.json()["ID"].as_str().unwrap().to_owned();
    let acquire = format!("{HOST}?acquire={id}&flags={LOCK_FLAGS}");
    assert_eq!(gateway.call("PUT", &acquire, "").await.text(), "true");
    id
}

async fn beat(gateway: &Gateway, session: &str) {
    let renew = format!("session/renew/{session}");
    assert_eq!(gateway.call("PUT", &renew, "").await.status, 200);
    let put = format!("{HOST}?flags={LOCK_FLAGS}");
    let answer = gateway.call("PUT", &put, "10.0.0.1:2376").await;
    assert_eq!((answer.status, answer.text()), (200, "true"));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_moves_no_index() {
    let gateway = Gateway::start().await;
    gateway.renew_under(&["docker/nodes"]);
    let session = host(&gateway).await;
    beat(&gateway, &session).await;
    let known = gateway.call("GET", HOST, "").await;
    let commits = gateway.metric("space_commits_total");
    for beats in 1..=6 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        beat(&gateway, &session).await;
        let shown = gateway.call("GET", HOST, "").await;
        assert_eq!((shown.index(), shown.text()), (known.index(), known.text()));
        assert_eq!(gateway.metric("space_renewals_total"), beats);
    }
    assert_eq!(gateway.metric("space_commits_total"), commits);
    let query = format!("kv/docker/nodes/?recurse&index={}&wait=1s", known.index());
    let parked = gateway.call("GET", &query, "").await;
    assert_eq!(parked.index(), known.index(), "its time was up");
    tokio::time::sleep(Duration::from_secs(21)).await;
    assert_eq!(gateway.call("GET", HOST, "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn other_writes_of_a_hosts_entry_are_changes() {
    let gateway = Gateway::start().await;
    gateway.renew_under(&["docker/nodes"]);
    let session = host(&gateway).await;
    beat(&gateway, &session).await;
    let index = gateway.call("GET", HOST, "").await.index();
    for put in [
        format!("{HOST}?flags=1"),
        format!("{HOST}?flags={LOCK_FLAGS}&cas={}", index + 1),
        format!("{HOST}?flags={LOCK_FLAGS}&acquire={session}"),
    ] {
        let before = gateway.call("GET", HOST, "").await.index();
        let answer = gateway.call("PUT", &put, "10.0.0.1:2376").await;
        assert_eq!(answer.text(), "true", "{put}");
        let after = gateway.call("GET", HOST, "").await.index();
        assert_eq!(after, before + 1, "{put}");
    }
}

/// libkv's tests want it, and Docker's records are such.
#[tokio::test(start_paused = true)]
async fn an_equal_value_of_any_other_entry_is_a_change() {
    let gateway = Gateway::start().await;
    gateway.renew_under(&["docker/nodes"]);
    for key in ["kv/docker/nodes/free", "kv/docker/network/x"] {
        gateway.call("PUT", key, "v").await;
        for _ in 0..3 {
            let before = gateway.call("GET", key, "").await.index();
            gateway.call("PUT", key, "v").await;
            assert_eq!(gateway.call("GET", key, "").await.index(), before + 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_heartbeat_is_told_after_a_poll_broke() {
    let gateway = Gateway::start().await;
    gateway.renew_under(&["docker/nodes"]);
    let session = host(&gateway).await;
    beat(&gateway, &session).await;
    let known = gateway.call("GET", HOST, "").await.index();
    tokio::time::sleep(Duration::from_secs(6)).await;
    {
        let poll = format!("kv/docker/network/v1.0/endpoint_count/a?index={known}&wait=60s");
        let poll = gateway.call("GET", &poll, "");
        let broken = tokio::time::timeout(Duration::from_secs(1), poll).await;
        assert!(broken.is_err(), "it was answered");
    }
    beat(&gateway, &session).await;
    let told = gateway.call("GET", HOST, "").await.index();
    assert_eq!(told, known + 1);
    beat(&gateway, &session).await;
    assert_eq!(gateway.call("GET", HOST, "").await.index(), told);
}

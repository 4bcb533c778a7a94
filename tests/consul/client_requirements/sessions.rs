//! Sessions, and the locks they hold.

use std::time::Duration;

use serde_json::json;

use super::super::client::{Gateway, NODE};
use super::LOCK_FLAGS;

#[tokio::test]
async fn session_create_gives_an_id() {
    let gateway = Gateway::start().await;
    let id = gateway
        .session(r#"{"Behavior":"release","LockDelay":"1ms","TTL":"30s"}"#)
        .await;
    assert_eq!(id.len(), 36);
}

#[tokio::test]
async fn a_session_shows_its_lock_delay_in_nanoseconds() {
    let gateway = Gateway::start().await;
    let id = gateway
        .session(r#"{"Behavior":"delete","LockDelay":"1ms","TTL":"1s"}"#)
        .await;
    let answer = gateway.get(&format!("session/info/{id}")).await;
    let expected = format!(
        r#"[{{"ID":"{id}","Name":"","Node":"{NODE}","LockDelay":1000000,"Behavior":"delete","TTL":"1s","NodeChecks":["serfHealth"],"ServiceChecks":null,"CreateIndex":2,"ModifyIndex":2}}]"#
    );
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn session_ttls_below_10_s_are_accepted_unchanged() {
    let gateway = Gateway::start().await;
    for ttl in ["1s", "500ms", "1.5s", "30s", "1m"] {
        let id = gateway.session(&format!(r#"{{"TTL":"{ttl}"}}"#)).await;
        assert_eq!(
            gateway
                .get(&format!("session/info/{id}"))
                .await
                .field("TTL"),
            ttl
        );
    }
}

#[tokio::test]
async fn renew_answers_an_array_with_the_ttl_and_a_number_as_lock_delay() {
    let gateway = Gateway::start().await;
    let id = gateway.session(r#"{"LockDelay":"1ms","TTL":"30s"}"#).await;
    let answer = gateway.put(&format!("session/renew/{id}"), "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("ID"), id);
    assert_eq!(answer.field("TTL"), "30s");
    assert_eq!(answer.field("LockDelay"), 1_000_000);
}

#[tokio::test]
async fn renew_of_an_unknown_session_is_404() {
    let gateway = Gateway::start().await;
    let id = gateway.session("{}").await;
    gateway.put(&format!("session/destroy/{id}"), "").await;
    let answer = gateway.put(&format!("session/renew/{id}"), "").await;
    assert_eq!(
        (answer.status, answer.text()),
        (404, format!("Session id '{id}' not found").as_str())
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_expires_at_twice_its_ttl_after_its_last_renewal() {
    let gateway = Gateway::start().await;
    let created = gateway
        .call(
            "PUT",
            "session/create",
            r#"{"Behavior":"delete","LockDelay":"1ms","TTL":"1s"}"#,
        )
        .await;
    let id = created.json()["ID"].as_str().unwrap().to_owned();
    assert_eq!(
        gateway
            .call("PUT", &format!("kv/a?acquire={id}"), "")
            .await
            .text(),
        "true"
    );
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(
            gateway
                .call("PUT", &format!("session/renew/{id}"), "")
                .await
                .status,
            200
        );
    }
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    assert_eq!(gateway.call("GET", "kv/a", "").await.status, 200);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(
        gateway.call("GET", "kv/a", "").await.status,
        404,
        "the session must have expired 3 s after a TTL of 1 s"
    );
    assert_eq!(
        gateway
            .call("PUT", &format!("session/renew/{id}"), "")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn acquire_locks_a_key_for_one_session() {
    let gateway = Gateway::start().await;
    let (one, two) = (gateway.session("{}").await, gateway.session("{}").await);
    let acquire = |id: &str| format!("kv/lock?acquire={id}&flags={LOCK_FLAGS}");
    assert_eq!(gateway.put(&acquire(&one), "L").await.text(), "true");
    assert_eq!(gateway.put(&acquire(&two), "M").await.text(), "false");
    assert_eq!(
        gateway.put(&acquire(&one), "L").await.text(),
        "true",
        "its holder may acquire it again"
    );
    let held = gateway.get("kv/lock").await;
    assert_eq!(
        (held.field("Session"), held.field("LockIndex")),
        (json!(one), json!(1))
    );
    assert_eq!(
        (held.field("Flags"), held.field("Value")),
        (json!(LOCK_FLAGS), json!("TA=="))
    );
}

#[tokio::test]
async fn a_key_locked_with_an_empty_body_exists_with_a_null_value() {
    let gateway = Gateway::start().await;
    let id = gateway
        .session(r#"{"Behavior":"delete","LockDelay":"1ms","TTL":"30s"}"#)
        .await;
    assert_eq!(
        gateway
            .put(&format!("kv/eph?acquire={id}&flags={LOCK_FLAGS}"), "")
            .await
            .text(),
        "true"
    );
    let answer = gateway.get("kv/eph").await;
    assert_eq!(
        (answer.field("Value"), answer.field("Session")),
        (json!(null), json!(id))
    );
}

#[tokio::test]
async fn plain_put_and_cas_put_keep_session_and_lock_index() {
    let gateway = Gateway::start().await;
    let id = gateway.session("{}").await;
    gateway.set(&format!("eph?acquire={id}"), "").await;
    let index = gateway.set("eph?flags=1", "e").await;
    let held = gateway.get("kv/eph").await;
    assert_eq!(
        (held.field("Session"), held.field("LockIndex")),
        (json!(id), json!(1))
    );
    gateway.set(&format!("eph?cas={index}"), "f").await;
    let held = gateway.get("kv/eph").await;
    assert_eq!(
        (held.field("Session"), held.field("LockIndex")),
        (json!(id), json!(1))
    );
}

#[tokio::test]
async fn release_unlocks_and_the_next_acquire_increments_lock_index() {
    let gateway = Gateway::start().await;
    let (one, two) = (gateway.session("{}").await, gateway.session("{}").await);
    gateway.set(&format!("lock?acquire={one}"), "L").await;
    assert_eq!(
        gateway
            .put(&format!("kv/lock?release={two}"), "x")
            .await
            .text(),
        "false"
    );
    assert_eq!(
        gateway
            .put(&format!("kv/lock?release={one}&flags=5"), "M")
            .await
            .text(),
        "true"
    );
    let free = gateway.get("kv/lock").await;
    assert!(!free.text().contains("Session"));
    assert_eq!(
        (free.field("Flags"), free.field("Value")),
        (json!(5), json!("TQ=="))
    );
    gateway.set(&format!("lock?acquire={two}"), "L").await;
    assert_eq!(gateway.get("kv/lock").await.field("LockIndex"), 2);
}

#[tokio::test]
async fn release_by_a_destroyed_session_is_200_false() {
    let gateway = Gateway::start().await;
    let id = gateway
        .session(r#"{"Behavior":"release","LockDelay":"1ms","TTL":"1s"}"#)
        .await;
    gateway.set(&format!("lock?acquire={id}"), "L").await;
    assert_eq!(
        gateway
            .put(&format!("session/destroy/{id}"), "")
            .await
            .text(),
        "true"
    );
    let answer = gateway
        .put(&format!("kv/lock?flags={LOCK_FLAGS}&release={id}"), "L")
        .await;
    assert_eq!((answer.status, answer.text()), (200, "false"));
}

#[tokio::test]
async fn acquire_by_an_unknown_session_is_500_invalid_session() {
    let gateway = Gateway::start().await;
    let id = "11111111-1111-1111-1111-111111111111";
    let answer = gateway.put(&format!("kv/lock?acquire={id}"), "L").await;
    assert_eq!(
        (answer.status, answer.text()),
        (500, format!("invalid session \"{id}\"").as_str())
    );
    assert_eq!(gateway.get("kv/lock").await.status, 404);
}

#[tokio::test]
async fn a_monitor_of_a_lock_sees_it_lost_when_the_session_is_destroyed() {
    let gateway = Gateway::start().await;
    let id = gateway.session(r#"{"LockDelay":"1ms"}"#).await;
    let index = gateway.set(&format!("lock?acquire={id}"), "L").await;
    let monitor = gateway
        .park(&format!("kv/lock?consistent=&index={index}"))
        .await;
    gateway.put(&format!("session/destroy/{id}"), "").await;
    let answer = monitor.await.unwrap();
    assert!(!answer.text().contains("Session"));
    assert_eq!(answer.field("Value"), "TA==");
}

#[tokio::test]
async fn destroying_a_session_with_delete_behavior_deletes_its_keys() {
    let gateway = Gateway::start().await;
    let id = gateway
        .session(r#"{"Behavior":"delete","LockDelay":"1ms"}"#)
        .await;
    let index = gateway.set(&format!("eph?acquire={id}"), "").await;
    gateway.set("eph", "e").await;
    let parked = gateway.park(&format!("kv/eph?index={}", index + 1)).await;
    gateway.put(&format!("session/destroy/{id}"), "").await;
    assert_eq!(parked.await.unwrap().status, 404);
}

#[tokio::test]
async fn a_recreated_key_has_no_session() {
    let gateway = Gateway::start().await;
    let id = gateway.session("{}").await;
    gateway.set(&format!("eph?acquire={id}"), "").await;
    gateway.delete("kv/eph").await;
    gateway.set("eph", "v").await;
    assert!(!gateway.get("kv/eph").await.text().contains("Session"));
}

/// A client of ZooKeeper sees the id of a session wherever an entry of it is shown, and could send it to Consul's face.
#[tokio::test]
async fn a_session_of_zookeeper_is_none_of_consuls() {
    let gateway = Gateway::start().await;
    let id = gateway.zookeeper_session("eph").await;
    let destroyed = gateway.put(&format!("session/destroy/{id}"), "").await;
    assert_eq!((destroyed.status, destroyed.text()), (200, "true"));
    assert_eq!(gateway.get("kv/eph").await.status, 200, "it has not ended");
    let renewed = gateway.put(&format!("session/renew/{id}"), "").await;
    assert_eq!(renewed.status, 404);
    for path in [
        format!("session/info/{id}"),
        "session/list".to_owned(),
        format!("session/node/{NODE}"),
    ] {
        assert_eq!(gateway.get(&path).await.text(), "[]", "{path}");
    }
    let locked = gateway.put(&format!("kv/lock?acquire={id}"), "L").await;
    let refusal = format!("invalid session \"{id}\"");
    assert_eq!((locked.status, locked.text()), (500, refusal.as_str()));
    let released = gateway.put(&format!("kv/eph?release={id}"), "L").await;
    assert_eq!((released.status, released.text()), (200, "false"));
    let lock =
        format!(r#"[{{"KV":{{"Verb":"lock","Key":"lock","Value":"TA==","Session":"{id}"}}}}]"#);
    assert_eq!(gateway.put("txn", lock).await.status, 409);
    assert_eq!(gateway.get("kv/lock").await.status, 404);
}

//! What libkv, valkeyrie and dockerd rely on, one test for each.

use std::time::Duration;

use serde_json::json;

use super::client::{Gateway, NODE};

/// libkv marks the keys it may lock with these flags: more than a float can hold.
const LOCK_FLAGS: u64 = 0x2ddc_cbc0_58a5_0c18;

#[tokio::test]
async fn get_of_a_missing_key_is_404() {
    let gateway = Gateway::start().await;
    let answer = gateway.get("kv/nope?consistent=").await;
    assert_eq!((answer.status, answer.body.len()), (404, 0));
}

#[tokio::test]
async fn get_of_an_entry_is_an_array_of_one_with_its_value_in_base64() {
    let gateway = Gateway::start().await;
    gateway.put("kv/docker/k/?flags=7", "v1").await;
    let answer = gateway.get("kv/docker/k/?consistent=").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/json")
    );
    let expected = r#"[{"LockIndex":0,"Key":"docker/k/","Flags":7,"Value":"djE=","CreateIndex":2,"ModifyIndex":2}]"#;
    assert_eq!(answer.text(), expected);
}

#[tokio::test]
async fn an_empty_value_is_null() {
    let gateway = Gateway::start().await;
    gateway.set("dir/", "").await;
    assert_eq!(gateway.get("kv/dir/").await.field("Value"), json!(null));
}

#[tokio::test]
async fn put_answers_true() {
    let gateway = Gateway::start().await;
    let answer = gateway.put("kv/a", "v").await;
    assert_eq!((answer.status, answer.text()), (200, "true"));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn flags_round_trip_as_64_bit_integers() {
    let gateway = Gateway::start().await;
    for flags in [LOCK_FLAGS, u64::MAX] {
        gateway.set(&format!("a?flags={flags}"), "v").await;
        let answer = gateway.get("kv/a").await;
        assert!(
            answer.text().contains(&format!(r#""Flags":{flags},"#)),
            "{}",
            answer.text()
        );
    }
}

#[tokio::test]
async fn token_and_wait_are_taken_on_every_request() {
    let gateway = Gateway::start().await;
    let rest = "token=secret&wait=3000ms";
    assert_eq!(
        gateway
            .put(&format!("kv/a?flags=1&{rest}"), "v")
            .await
            .text(),
        "true"
    );
    assert_eq!(
        gateway
            .get(&format!("kv/a?consistent=&{rest}"))
            .await
            .status,
        200
    );
    let session = gateway.put(&format!("session/create?{rest}"), "{}").await;
    let session = session.json()["ID"].as_str().unwrap().to_owned();
    assert_eq!(
        gateway
            .put(&format!("session/renew/{session}?{rest}"), "")
            .await
            .status,
        200
    );
    assert_eq!(
        gateway
            .put(&format!("session/destroy/{session}?{rest}"), "")
            .await
            .text(),
        "true"
    );
    assert_eq!(gateway.delete(&format!("kv/a?{rest}")).await.text(), "true");
    let headers = [
        ("x-consul-token", "secret"),
        ("authorization", "Bearer secret"),
    ];
    assert_eq!(
        gateway.ask("PUT", "/v1/kv/a", &headers, b"v").await.text(),
        "true"
    );
}

#[tokio::test]
async fn a_trailing_slash_makes_another_key() {
    let gateway = Gateway::start().await;
    gateway.set("x", "file").await;
    gateway.set("x/", "mark").await;
    assert_eq!(gateway.get("kv/x?raw").await.text(), "file");
    assert_eq!(gateway.get("kv/x/?raw").await.text(), "mark");
}

#[tokio::test]
async fn a_colon_in_a_key_is_taken() {
    let gateway = Gateway::start().await;
    gateway
        .set("docker/nodes/10.0.0.1:2376", "10.0.0.1:2376")
        .await;
    let answer = gateway.get("kv/docker/nodes?recurse=").await;
    assert_eq!(answer.keys(), ["docker/nodes/10.0.0.1:2376"]);
}

#[tokio::test]
async fn delete_answers_true_whether_or_not_there_was_anything() {
    let gateway = Gateway::start().await;
    gateway.set("a", "v").await;
    assert_eq!(gateway.delete("kv/a").await.text(), "true");
    assert_eq!(gateway.delete("kv/a").await.text(), "true");
    assert_eq!(gateway.get("kv/a").await.status, 404);
}

#[tokio::test]
async fn a_list_is_every_key_with_the_bytes_as_prefix() {
    let gateway = Gateway::start().await;
    for key in ["d/a/b/c", "d/a", "d/", "db", "d", "e/"] {
        gateway.set(key, "v").await;
    }
    assert_eq!(
        gateway.get("kv/d?recurse=").await.keys(),
        ["d", "d/", "d/a", "d/a/b/c", "db"]
    );
    assert_eq!(
        gateway.get("kv/d/?recurse=").await.keys(),
        ["d/", "d/a", "d/a/b/c"]
    );
    assert_eq!(gateway.get("kv/nope?recurse=").await.status, 404);
}

#[tokio::test]
async fn delete_with_recurse_deletes_the_prefix() {
    let gateway = Gateway::start().await;
    for key in ["d/a/b", "d/", "d", "db", "e"] {
        gateway.set(key, "v").await;
    }
    assert_eq!(gateway.delete("kv/d/?recurse=").await.text(), "true");
    assert_eq!(gateway.get("kv/?recurse=").await.keys(), ["d", "db", "e"]);
    assert_eq!(gateway.delete("kv/d?recurse=").await.text(), "true");
    assert_eq!(gateway.get("kv/?recurse=").await.keys(), ["e"]);
}

#[tokio::test]
async fn cas_0_creates_and_only_creates() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.put("kv/a?cas=0", "one").await.text(), "true");
    assert_eq!(gateway.put("kv/a?cas=0", "two").await.text(), "false");
    assert_eq!(gateway.get("kv/a?raw").await.text(), "one");
}

#[tokio::test]
async fn cas_swaps_at_the_index_of_the_header_and_at_no_other() {
    let gateway = Gateway::start().await;
    let index = gateway.set("a", "one").await;
    gateway.set("other", "x").await;
    assert_eq!(gateway.put("kv/a?cas=6744", "no").await.text(), "false");
    assert_eq!(gateway.put("kv/nope?cas=6744", "no").await.text(), "false");
    assert_eq!(
        gateway
            .put(&format!("kv/a?cas={index}"), "two")
            .await
            .text(),
        "true"
    );
    assert_eq!(
        gateway.put(&format!("kv/a?cas={index}"), "no").await.text(),
        "false"
    );
    assert_eq!(gateway.get("kv/a?raw").await.text(), "two");
}

#[tokio::test]
async fn delete_with_cas_deletes_at_that_index_alone() {
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
async fn every_read_tells_index_contact_and_leader_even_404() {
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
async fn the_index_is_never_0_and_a_poll_with_the_first_one_waits() {
    let gateway = Gateway::start().await;
    let index = gateway.get("kv/a").await.index();
    assert_eq!(index, 1);
    let parked = gateway.park(&format!("kv/a?index={index}&wait=1m")).await;
    gateway.set("a", "v").await;
    assert_eq!(parked.await.unwrap().status, 200, "the very first change");
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
async fn the_index_of_a_list_is_that_of_its_last_change_or_deletion() {
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
async fn the_index_of_a_missing_key_stays_put() {
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
async fn a_poll_sleeps_through_what_does_not_concern_it() {
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
async fn a_poll_ends_at_its_wait_with_the_index_it_was_sent() {
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
async fn a_poll_with_an_index_from_the_future_is_answered_at_once() {
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

#[tokio::test]
async fn doubled_slashes_collapse_without_a_redirect() {
    let gateway = Gateway::start().await;
    let answer = gateway.put("kv//docker//nodes/", "v").await;
    assert_eq!((answer.status, answer.text()), (200, "true"));
    assert_eq!(gateway.get("kv/docker/nodes/?raw").await.text(), "v");
    assert_eq!(gateway.get("kv//docker/nodes/?raw").await.text(), "v");
    assert_eq!(
        gateway.get("kv//docker?recurse").await.keys(),
        ["docker/nodes/"]
    );
}

#[tokio::test]
async fn a_value_of_1_5_mib_is_taken() {
    let gateway = Gateway::start().await;
    let value = vec![b'v'; 3 << 19];
    gateway.set("big", &value).await;
    assert_eq!(gateway.get("kv/big?raw").await.body, value);
}

#[tokio::test]
async fn a_value_too_long_is_413_in_consuls_words() {
    let gateway = Gateway::start().await;
    let answer = gateway.put("kv/big", vec![b'v'; (2 << 20) + 1]).await;
    assert_eq!(answer.status, 413);
    assert!(
        answer
            .text()
            .starts_with("Request body(2097153 bytes) too large, max size: 2097152 bytes.")
    );
    assert_eq!(gateway.get("kv/big").await.status, 404);
}

#[tokio::test]
async fn lists_are_compressed_for_who_accepts_gzip() {
    let gateway = Gateway::start().await;
    for number in 0..1_000 {
        gateway
            .space_put(&format!("network/{number}"), &[b'v'; 400])
            .await;
    }
    let plain = gateway.get("kv/network?recurse").await;
    let accepts = [("accept-encoding", "gzip")];
    let packed = gateway
        .ask("GET", "/v1/kv/network?recurse", &accepts, b"")
        .await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(
        (packed.header("vary"), plain.header("vary")),
        ("Accept-Encoding", "Accept-Encoding")
    );
    assert!(packed.body.len() * 5 < plain.body.len());
    assert_eq!(super::client::unpack(&packed.body), plain.body);
}

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
async fn session_ttls_below_10_s_are_taken_as_they_are_given() {
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
async fn a_session_ends_at_twice_its_ttl_after_its_last_renewal() {
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
        "gone 3 s after a TTL of 1 s"
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
async fn acquire_locks_an_entry_for_one_session() {
    let gateway = Gateway::start().await;
    let (one, two) = (gateway.session("{}").await, gateway.session("{}").await);
    let acquire = |id: &str| format!("kv/lock?acquire={id}&flags={LOCK_FLAGS}");
    assert_eq!(gateway.put(&acquire(&one), "L").await.text(), "true");
    assert_eq!(gateway.put(&acquire(&two), "M").await.text(), "false");
    assert_eq!(
        gateway.put(&acquire(&one), "L").await.text(),
        "true",
        "again, by its holder"
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
async fn a_key_locked_with_an_empty_body_is_there_with_a_null_value() {
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
async fn release_unlocks_and_the_next_lock_counts_up() {
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
async fn destroying_a_session_that_deletes_takes_its_keys_along() {
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
async fn a_deleted_key_shows_no_session_when_it_is_made_again() {
    let gateway = Gateway::start().await;
    let id = gateway.session("{}").await;
    gateway.set(&format!("eph?acquire={id}"), "").await;
    gateway.delete("kv/eph").await;
    gateway.set("eph", "v").await;
    assert!(!gateway.get("kv/eph").await.text().contains("Session"));
}

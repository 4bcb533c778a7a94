//! Entries: reading, writing, swapping, listing.

use serde_json::json;

use super::super::client::Gateway;
use super::LOCK_FLAGS;

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
async fn token_and_wait_are_accepted_on_every_request() {
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
async fn a_key_with_a_trailing_slash_is_a_different_key() {
    let gateway = Gateway::start().await;
    gateway.set("x", "file").await;
    gateway.set("x/", "mark").await;
    assert_eq!(gateway.get("kv/x?raw").await.text(), "file");
    assert_eq!(gateway.get("kv/x/?raw").await.text(), "mark");
}

#[tokio::test]
async fn a_colon_in_a_key_is_accepted() {
    let gateway = Gateway::start().await;
    gateway
        .set("docker/nodes/10.0.0.1:2376", "10.0.0.1:2376")
        .await;
    let answer = gateway.get("kv/docker/nodes?recurse=").await;
    assert_eq!(answer.keys(), ["docker/nodes/10.0.0.1:2376"]);
}

#[tokio::test]
async fn delete_answers_true_for_present_and_missing_keys() {
    let gateway = Gateway::start().await;
    gateway.set("a", "v").await;
    assert_eq!(gateway.delete("kv/a").await.text(), "true");
    assert_eq!(gateway.delete("kv/a").await.text(), "true");
    assert_eq!(gateway.get("kv/a").await.status, 404);
}

#[tokio::test]
async fn a_list_holds_every_key_with_the_prefix() {
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
async fn cas_succeeds_at_the_modify_index_only() {
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
async fn a_value_of_1_5_mib_is_accepted() {
    let gateway = Gateway::start().await;
    let value = vec![b'v'; 3 << 19];
    gateway.set("big", &value).await;
    assert_eq!(gateway.get("kv/big?raw").await.body, value);
}

#[tokio::test]
async fn a_value_past_the_limit_is_413_with_consuls_message() {
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
async fn lists_are_compressed_for_clients_that_accept_gzip() {
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
    assert_eq!(support::http_client::unpack(&packed.body), plain.body);
}

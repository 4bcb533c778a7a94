//! Renewals as clients of etcd v2 see them: hosts at rest, and `refresh=true`.

use std::time::Duration;

use http_body_util::BodyExt;

use super::inside::{Inside, event};

const HOST: &str = "/docker/nodes/10.0.0.1:2376";
const BEAT: &str = "PUT /docker/nodes/10.0.0.1:2376 ttl=60&value=10.0.0.1:2376";

async fn face() -> Inside {
    let face = Inside::new().await;
    face.space.renew_under(&["docker/nodes".to_owned()]);
    face
}

fn indexes(answer: &serde_json::Value) -> (u64, u64) {
    let of = |name: &str| answer["node"][name].as_u64().unwrap();
    (of("modifiedIndex"), of("createdIndex"))
}

/// Sends a request, and returns its answer with the index of the store in it.
async fn with_index(face: &Inside, line: &str) -> (u64, serde_json::Value) {
    let answer = face.call(line).await;
    let index = answer.headers()["x-etcd-index"].to_str().unwrap().parse();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (index.unwrap(), serde_json::from_slice(&body).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_moves_no_index_and_is_answered_as_a_set() {
    let face = face().await;
    face.ok(BEAT).await;
    let told = face.ok(BEAT).await;
    face.ok("PUT /other value=1").await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        let before = face.ok(&format!("GET {HOST}")).await;
        let (index, answer) = with_index(&face, BEAT).await;
        assert_eq!(answer["action"], "set");
        assert_eq!(indexes(&answer), indexes(&told));
        assert_eq!(index, indexes(&told).0 + 1, "that of the other write");
        assert_eq!(answer["node"]["ttl"], 60);
        assert_eq!(
            answer["prevNode"]["expiration"],
            before["node"]["expiration"]
        );
        let shown = face.ok(&format!("GET {HOST}")).await;
        assert_eq!(shown["node"], answer["node"]);
        let listed = face.ok("GET /docker/nodes?recursive=true").await;
        assert_eq!(listed["node"]["nodes"][0], answer["node"]);
        let expiration = answer["node"]["expiration"].as_str().unwrap();
        assert!(expiration.starts_with("20"), "{expiration}");
    }
    tokio::time::sleep(Duration::from_millis(59_500)).await;
    face.ok(&format!("GET {HOST}")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(face.status_and_body(&format!("GET {HOST}")).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn conditions_of_a_renewal_are_judged() {
    let face = face().await;
    face.ok(BEAT).await;
    let told = face.ok(BEAT).await;
    let index = indexes(&told).0;
    let put = |query: &str| format!("PUT {HOST}?{query} ttl=60&value=10.0.0.1:2376");
    for (query, status, code) in [
        ("prevExist=true", 200, None),
        (&format!("prevIndex={index}"), 200, None),
        ("prevValue=10.0.0.1:2376", 200, None),
        (&format!("prevExist=true&prevIndex={index}"), 200, None),
        ("prevExist=false", 412, Some(105)),
        ("prevIndex=1", 412, Some(101)),
        ("prevValue=x", 412, Some(101)),
    ] {
        let (answered, body) = face.status_and_body(&put(query)).await;
        assert_eq!(answered, status, "{query}: {body}");
        match code {
            None => assert_eq!(indexes(&body).0, index, "{query}: {body}"),
            Some(code) => assert_eq!(body["errorCode"], code, "{query}: {body}"),
        }
    }
    let quiet = face.ok(&put("noValueOnSuccess=true")).await;
    assert_eq!(quiet, serde_json::json!({"action": "set"}));
}

#[tokio::test(start_paused = true)]
async fn a_watch_sees_a_host_come_and_go_and_one_heartbeat_after_another_watch_broke() {
    let face = face().await;
    let mut watch = face
        .watch("/docker/nodes?wait=true&recursive=true&stream=true")
        .await;
    face.ok(BEAT).await;
    face.ok(BEAT).await;
    for _ in 0..2 {
        assert_eq!(event(&mut watch).await["action"], "set");
    }
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        face.ok(BEAT).await;
    }
    // As dockerd's connection does that waits for an endpoint count.
    let count = face
        .watch("/docker/network/v1.0/endpoint_count/a?wait=true")
        .await;
    drop(count);
    let told = face.ok(BEAT).await;
    let seen = event(&mut watch).await;
    assert_eq!(indexes(&seen), indexes(&told));
    tokio::time::sleep(Duration::from_secs(20)).await;
    face.ok(BEAT).await;
    let end = event(&mut watch).await;
    assert_eq!(end["action"], "expire", "{end}");
    assert_eq!(end["prevNode"]["value"], "10.0.0.1:2376");
}

/// A client that refreshes under the index that it knows goes on to do so.
#[tokio::test(start_paused = true)]
async fn a_refresh_is_kept_without_a_write_wherever_it_is() {
    let face = face().await;
    let made = face.ok("PUT /lock?prevExist=false ttl=9&value=me").await;
    let mut index = indexes(&made).0;
    let mut written = Vec::new();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let refresh = format!("PUT /lock?refresh=true&prevExist=true&prevIndex={index} ttl=9");
        let answer = face.ok(&refresh).await;
        assert_eq!(answer["action"], "compareAndSwap");
        assert_eq!(
            (&answer["node"]["value"], &answer["node"]["ttl"]),
            (&"me".into(), &9.into())
        );
        index = indexes(&answer).0;
        written.push(index);
    }
    let first = written[0];
    assert!(first > indexes(&made).0, "the first is stored");
    assert_eq!(written, [first; 4]);
    tokio::time::sleep(Duration::from_millis(9_500)).await;
    assert_eq!(face.status_and_body("GET /lock").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn what_replaces_a_renewed_value_ends_the_renewals() {
    let face = face().await;
    face.ok(BEAT).await;
    face.ok(BEAT).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let other = face.ok(&format!("PUT {HOST} ttl=60&value=other")).await;
    assert_eq!(other["prevNode"]["value"], "10.0.0.1:2376");
    let plain = face.ok(&format!("PUT {HOST} value=other")).await;
    assert!(plain["node"]["ttl"].is_null());
    tokio::time::sleep(Duration::from_secs(70)).await;
    face.ok(&format!("GET {HOST}")).await;
}

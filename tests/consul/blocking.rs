//! Blocking queries: parked until their data changes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::client::Gateway;

#[tokio::test]
async fn parked_polls_are_answered_when_the_gateway_is_stopping() {
    let gateway = Gateway::start().await;
    let index = gateway.set("a", "v").await;
    let polls = [
        gateway.park(&format!("kv/a?index={index}")).await,
        gateway.park(&format!("kv/?recurse&index={index}")).await,
        gateway.park(&format!("session/list?index={index}")).await,
        gateway.park("catalog/nodes?index=2").await,
    ];
    gateway.stop.send(true).unwrap();
    for (poll, same) in polls.into_iter().zip([index, index, 1, 2]) {
        let answer = poll.await.unwrap();
        assert_eq!((answer.status, answer.index()), (200, same));
    }
}

/// The lists of the catalog and of health.
const CATALOG: [&str; 9] = [
    "catalog/nodes",
    "catalog/node/host",
    "catalog/services",
    "catalog/service/consul",
    "catalog/service/none",
    "health/node/host",
    "health/state/any",
    "health/checks/consul",
    "health/service/consul",
];

#[tokio::test]
async fn catalog_and_health_start_at_an_index_that_consuls_test_helper_accepts() {
    let gateway = Gateway::start().await;
    for list in CATALOG {
        let answer = gateway.get(list).await;
        assert_eq!(answer.header("x-consul-knownleader"), "true", "{list}");
        assert!(answer.index() >= 2, "{list}: {}", answer.index());
    }
}

#[tokio::test]
async fn polls_of_catalog_and_health_stay_parked_during_writes() {
    let gateway = Gateway::start().await;
    // Both before the first write and after several.
    for round in 0..2 {
        let mut polls = Vec::new();
        for list in CATALOG {
            let index = gateway.get(list).await.index();
            polls.push((index, gateway.park(&format!("{list}?index={index}")).await));
        }
        for write in 0..5 {
            gateway.set("a", write.to_string()).await;
        }
        for (list, (index, poll)) in CATALOG.into_iter().zip(polls) {
            assert_eq!(gateway.get(list).await.index(), index, "{list}, {round}");
            assert!(!poll.is_finished(), "{list}, {round}");
            poll.abort();
        }
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_poll() {
    let gateway = Gateway::start().await;
    gateway.set("a", "v").await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    client
        .write_all(b"GET /v1/kv/a?index=2 HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    gateway.until(|watches| watches == 1).await;
    drop(client);
    gateway.until(|watches| watches == 0).await;
}

#[tokio::test]
async fn session_reads_can_block() {
    let gateway = Gateway::start().await;
    let id = gateway.session("{}").await;
    let index = gateway.get("session/list").await.index();
    let list = gateway.park(&format!("session/list?index={index}")).await;
    let node = gateway
        .park(&format!("session/node/HOST?index={index}"))
        .await;
    let info = gateway
        .park(&format!("session/info/{id}?index={index}"))
        .await;
    gateway.set("a", "v").await;
    assert!(!list.is_finished() && !node.is_finished());
    let other = gateway.session("{}").await;
    for poll in [list, node] {
        let answer = poll.await.unwrap();
        assert!(answer.text().contains(&other) && answer.index() > index);
    }
    assert!(
        !info.is_finished(),
        "another session must not wake the poll"
    );
    gateway.put(&format!("session/destroy/{id}"), "").await;
    assert_eq!(info.await.unwrap().text(), "[]");
}

#[tokio::test]
async fn a_transaction_wakes_all_affected_polls_at_one_index() {
    let gateway = Gateway::start().await;
    let a = gateway.park("kv/a?index=1").await;
    let tree = gateway.park("kv/d/?recurse&index=1").await;
    let names = gateway.park("kv/d/?keys&index=1").await;
    gateway.set("unrelated", "v").await;
    let body = r#"[{"KV":{"Verb":"set","Key":"a"}},{"KV":{"Verb":"set","Key":"d/x"}}]"#;
    assert_eq!(gateway.put("txn", body).await.status, 200);
    for poll in [a, tree, names] {
        assert_eq!(poll.await.unwrap().index(), 3);
    }
}

#[tokio::test]
async fn many_polls_wait_and_are_woken_by_one_write() {
    let gateway = Gateway::start().await;
    let mut polls = Vec::new();
    for _ in 0..200 {
        polls.push(gateway.park("kv/a?index=1").await);
    }
    let index = gateway.set("a", "v").await;
    for poll in polls {
        assert_eq!(poll.await.unwrap().index(), index);
    }
    assert_eq!(gateway.watches(), 0);
}

#[tokio::test]
async fn a_poll_sees_the_last_of_many_concurrent_writes() {
    let gateway = Gateway::start().await;
    let mut index = 1;
    let reader = gateway.park("kv/d/?recurse&index=1").await;
    for number in 0..3_000 {
        gateway.space_put(&format!("d/{}", number % 7), b"v").await;
    }
    index = index.max(reader.await.unwrap().index());
    // The keyspace's first revision, and one for each write.
    while index < 3_001 {
        index = gateway
            .get(&format!("kv/d/?recurse&index={index}"))
            .await
            .index();
    }
    assert_eq!(index, 3_001);
}

#[tokio::test]
async fn a_connection_is_reused_after_a_poll() {
    let gateway = Gateway::start().await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let both = b"GET /v1/kv/a?index=1&wait=50ms HTTP/1.1\r\nHost: h\r\n\r\nGET /v1/kv/b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    client.write_all(both).await.unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    assert_eq!(
        answers.matches("HTTP/1.1 404 Not Found").count(),
        2,
        "{answers}"
    );
}

#[tokio::test(start_paused = true)]
async fn waits_are_capped_at_ten_minutes() {
    let gateway = Gateway::start().await;
    for (wait, least, most) in [
        ("20m", 600, 638),
        ("-5s", 300, 319),
        ("0s", 300, 319),
        ("1ns", 0, 0),
    ] {
        let begun = tokio::time::Instant::now();
        gateway
            .call("GET", &format!("kv/a?index=1&wait={wait}"), "")
            .await;
        let waited = begun.elapsed();
        let bounds = Duration::from_secs(least)..Duration::from_secs(most + 1);
        assert!(bounds.contains(&waited), "{wait}: {waited:?}");
    }
}

#[tokio::test]
async fn invalid_index_and_wait_are_400_with_consuls_message() {
    let gateway = Gateway::start().await;
    for (query, words) in [
        ("index=-1", "Invalid index"),
        ("index=x", "Invalid index"),
        ("index=18446744073709551616", "Invalid index"),
        ("index=1.5", "Invalid index"),
        ("wait=x&index=1", "Invalid wait time"),
        ("wait=15", "Invalid wait time"),
        ("wait=9999999h", "Invalid wait time"),
        (
            "stale&consistent",
            "Cannot specify ?stale with ?consistent, conflicting semantics.",
        ),
        (
            "cached&consistent",
            "Cannot specify ?cached with ?consistent, conflicting semantics.",
        ),
        ("max_stale=x", "Invalid max_stale value \"x\""),
    ] {
        for path in [
            "kv/a",
            "kv/a?recurse",
            "kv/a?keys",
            "session/list",
            "catalog/nodes",
            "status/leader",
        ] {
            let mark = if path.contains('?') { '&' } else { '?' };
            let answer = gateway.get(&format!("{path}{mark}{query}")).await;
            assert_eq!(
                (answer.status, answer.text()),
                (400, words),
                "{path} {query}"
            );
        }
    }
    assert_eq!(
        gateway.get("kv/a?index=&wait=").await.status,
        404,
        "empty is none"
    );
    assert_eq!(gateway.get("kv/a?max_stale=5s").await.status, 404);
}

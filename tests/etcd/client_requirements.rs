//! Requirements of Docker's and libkv's etcd client: one test for each, in the order of its methods.

use super::client::{Gateway, ask};
use support::http_client;

fn index(event: &serde_json::Value) -> u64 {
    event["node"]["modifiedIndex"].as_u64().unwrap()
}

#[tokio::test]
async fn members_have_the_address_the_client_connected_to() {
    let gateway = Gateway::start().await;
    let members = gateway.ok("GET !/v2/members").await;
    let own = format!("http://{}", gateway.address);
    assert_eq!(
        members["members"][0]["clientURLs"],
        serde_json::json!([own])
    );
}

#[tokio::test]
async fn a_trailing_slash_is_ignored_and_keys_come_back_without_it() {
    let gateway = Gateway::start().await;
    let put = gateway.ok("PUT /docker/network/x/ value=1").await;
    assert_eq!(put["node"]["key"], "/docker/network/x");
    let get = gateway.ok("GET /docker/network/x/?quorum=true&recursive=false&sorted=false");
    assert_eq!(get.await["node"]["key"], "/docker/network/x");
}

#[tokio::test]
async fn field_names_are_spelled_as_in_etcd() {
    let gateway = Gateway::start().await;
    let set =
        r#"{"action":"set","node":{"key":"/a/b","value":"1","modifiedIndex":2,"createdIndex":2}}"#;
    assert_eq!(
        gateway.status_and_body("PUT /a/b value=1").await,
        (201, format!("{set}\n"))
    );
    let get = r#"{"action":"get","node":{"key":"/a","dir":true,"nodes":[{"key":"/a/b","value":"1","modifiedIndex":2,"createdIndex":2}],"modifiedIndex":2,"createdIndex":2}}"#;
    assert_eq!(
        gateway.status_and_body("GET /a").await,
        (200, format!("{get}\n"))
    );
    let none = r#"{"errorCode":100,"message":"Key not found","cause":"/none","index":2}"#;
    assert_eq!(
        gateway.status_and_body("GET /none/x").await,
        (404, format!("{none}\n"))
    );
}

#[tokio::test]
async fn headers_carry_index_and_cluster_id() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /a value=1").await;
    for line in [
        "GET /a",
        "PUT /a value=2",
        "GET /a?wait=true&waitIndex=2",
        "GET /none",
    ] {
        let answer = gateway.ask(line).await;
        let index: u64 = answer.header("x-etcd-index").parse().unwrap();
        assert!(index > 0, "{line}");
        assert!(!answer.header("x-etcd-cluster-id").is_empty(), "{line}");
        assert_eq!(answer.header("content-type"), "application/json", "{line}");
        if answer.status < 300 {
            assert!(!answer.header("x-raft-index").is_empty(), "{line}");
            assert!(!answer.header("x-raft-term").is_empty(), "{line}");
        }
    }
}

#[tokio::test]
async fn each_error_has_its_status() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /f value=1").await;
    gateway.ok("PUT /d/x value=1").await;
    for (line, status, code) in [
        ("GET /none", 404, 100),
        ("PUT /f?prevIndex=99 value=1", 412, 101),
        ("PUT /d value=1", 403, 102),
        ("PUT /f/x value=1", 400, 104),
        ("PUT /f?prevExist=false value=1", 412, 105),
        ("PUT / value=1", 400, 107),
        ("DELETE /d?dir=true", 403, 108),
        ("PUT /f?ttl=x value=1", 400, 202),
        ("PUT /f?prevIndex=x value=1", 400, 203),
        ("PUT /f?dir=x value=1", 400, 209),
    ] {
        let answer = gateway.ask(line).await;
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.json()["errorCode"], code, "{line}");
        assert!(answer.json()["index"].is_u64(), "{line}");
    }
}

#[tokio::test]
async fn get_and_exists_answer_for_missing_keys_and_directories() {
    let gateway = Gateway::start().await;
    let read = "?quorum=true&recursive=false&sorted=false";
    let missing = gateway.ask(&format!("GET /docker/x{read}")).await;
    assert_eq!(
        (missing.status, &missing.json()["errorCode"]),
        (404, &100.into())
    );
    gateway.ok("PUT /docker/x?dir=true").await;
    let there = gateway.ok(&format!("GET /docker/x{read}")).await;
    assert_eq!(there["node"]["dir"], true);
}

#[tokio::test]
async fn put_creates_and_replaces_with_the_nodes_index() {
    let gateway = Gateway::start().await;
    let first = gateway.ask("PUT /a/b value=1").await;
    assert_eq!(first.status, 201);
    let second = gateway.ask("PUT /a/b value=1").await;
    assert_eq!(second.status, 200);
    let read = gateway.ok("GET /a/b").await;
    assert_eq!(index(&read), index(&second.json()));
    assert!(index(&second.json()) > index(&first.json()));
}

#[tokio::test]
async fn put_of_an_existing_directory_is_refused() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.ask("PUT /docker/nodes?dir=true").await.status, 201);
    let again = gateway.ask("PUT /docker/nodes?dir=true").await;
    assert_eq!(
        (again.status, &again.json()["errorCode"]),
        (403, &102.into())
    );
}

#[tokio::test]
async fn delete_distinguishes_missing_nodes_from_directories() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /d/x value=1").await;
    assert_eq!(gateway.ask("DELETE /none").await.json()["errorCode"], 100);
    assert_eq!(gateway.ask("DELETE /d").await.json()["errorCode"], 102);
    let gone = gateway.ok("DELETE /d/x").await;
    assert_eq!(gone["prevNode"]["value"], "1");
    assert_eq!(gateway.ask("GET /d/x").await.status, 404);
    assert_eq!(gateway.ask("GET /d").await.status, 200);
}

#[tokio::test]
async fn a_list_is_sorted_and_its_keys_are_whole_paths() {
    let gateway = Gateway::start().await;
    for key in ["/l/b", "/l/a/x", "/l/c", "/l/a-b", "/l/_hidden"] {
        gateway.ok(&format!("PUT {key} value=1")).await;
    }
    let list = gateway
        .ok("GET /l/?quorum=true&recursive=true&sorted=true")
        .await;
    let nodes = list["node"]["nodes"].as_array().unwrap();
    let keys: Vec<_> = nodes
        .iter()
        .map(|node| node["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys, ["/l/a", "/l/a-b", "/l/b", "/l/c"]);
    assert_eq!(nodes[0]["nodes"][0]["key"], "/l/a/x");
    let empty = gateway.ok("PUT /e?dir=true").await;
    assert_eq!(empty["node"]["nodes"], serde_json::Value::Null);
}

#[tokio::test]
async fn recursive_delete_removes_the_whole_subtree() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /t/a/b value=1").await;
    gateway.ok("PUT /t/c value=1").await;
    gateway.ok("DELETE /t?recursive=true").await;
    for key in ["/t/a/b", "/t/c", "/t"] {
        assert_eq!(
            gateway.ask(&format!("GET {key}")).await.status,
            404,
            "{key}"
        );
    }
}

#[tokio::test]
async fn atomic_put_creates_once_with_its_parents() {
    let gateway = Gateway::start().await;
    let made = gateway.ask("PUT /p/q/key/?prevExist=false value=1").await;
    assert_eq!(
        (made.status, &made.json()["action"]),
        (201, &"create".into())
    );
    let again = gateway.ask("PUT /p/q/key/?prevExist=false value=2").await;
    assert_eq!(
        (again.status, &again.json()["errorCode"]),
        (412, &105.into())
    );
}

#[tokio::test]
async fn atomic_put_succeeds_at_its_index_only() {
    let gateway = Gateway::start().await;
    let first = index(&gateway.ok("PUT /a value=1").await);
    let swap = format!("PUT /a?prevExist=true&prevIndex={first} value=2");
    let swapped = gateway.ok(&swap).await;
    assert_eq!(swapped["action"], "compareAndSwap");
    assert_eq!(swapped["node"]["createdIndex"], first);
    assert_eq!(index(&gateway.ok("GET /a").await), index(&swapped));
    let late = gateway.ask(&swap).await;
    assert_eq!((late.status, &late.json()["errorCode"]), (412, &101.into()));
    let with_value = format!(
        "PUT /a?prevExist=true&prevIndex={}&prevValue=x value=3",
        index(&swapped)
    );
    assert_eq!(gateway.ask(&with_value).await.json()["cause"], "[x != 2]");
    // libkv omits an index of 0: an unconditional update.
    assert_eq!(
        gateway.ok("PUT /a?prevExist=true value=4").await["action"],
        "update"
    );
    assert_eq!(
        gateway
            .ask("PUT /none?prevExist=true&prevIndex=1 value=4")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn atomic_delete_succeeds_at_its_index_only() {
    let gateway = Gateway::start().await;
    let at = index(&gateway.ok("PUT /a value=1").await);
    assert_eq!(
        gateway.ask("DELETE /a?prevIndex=6744").await.json()["errorCode"],
        101
    );
    let gone = gateway.ok(&format!("DELETE /a?prevIndex={at}")).await;
    assert_eq!(gone["action"], "compareAndDelete");
    assert_eq!(
        gateway
            .ask(&format!("DELETE /a?prevIndex={at}"))
            .await
            .json()["errorCode"],
        100
    );
}

#[tokio::test]
async fn a_watch_reports_each_write_even_of_the_same_value() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /w value=world!").await;
    let mut wait = "/w?recursive=false&wait=true&waitIndex=0".to_owned();
    for _ in 0..3 {
        let mut parked = gateway.watch(&wait).await;
        gateway.ok("PUT /w value=world!").await;
        let event = parked.event().await;
        assert_eq!(event["node"]["key"], "/w");
        assert_eq!(event["node"]["value"], "world!");
        wait = format!(
            "/w?recursive=false&wait=true&waitIndex={}",
            index(&event) + 1
        );
    }
}

#[tokio::test]
async fn a_watch_misses_nothing_between_two_polls() {
    let gateway = Gateway::start().await;
    let mut next = index(&gateway.ok("PUT /w value=0").await) + 1;
    for value in ["1", "2", "3"] {
        gateway.ok(&format!("PUT /w value={value}")).await;
        gateway.ok("PUT /other value=x").await;
    }
    for value in ["1", "2", "3"] {
        let event = gateway
            .ok(&format!("GET /w?wait=true&waitIndex={next}"))
            .await;
        assert_eq!(event["node"]["value"], value);
        next = index(&event) + 1;
    }
}

#[tokio::test]
async fn a_recursive_watch_reports_writes_and_deletions_in_its_subtree() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /t/a value=1").await;
    gateway.ok("PUT /t/b value=1").await;
    let mut parked = gateway
        .watch("/t?recursive=true&wait=true&waitIndex=0")
        .await;
    gateway.ok("DELETE /t/a").await;
    let event = parked.event().await;
    assert_eq!(
        (&event["action"], &event["node"]["key"]),
        (&"delete".into(), &"/t/a".into())
    );
    // A client that lists after its watch was answered sees the change that the watch reported.
    let list = gateway
        .ok("GET /t?quorum=true&recursive=true&sorted=true")
        .await;
    assert_eq!(list["node"]["nodes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_headers_of_a_watch_are_sent_at_once() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /a value=1").await;
    // Returns when the headers have arrived, without any event.
    let parked = gateway.watch("/a?wait=true").await;
    assert_eq!(parked.status, 200);
    assert_eq!(parked.headers["x-etcd-index"], "2");
}

#[tokio::test]
async fn a_watch_without_index_reports_no_past_events() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /a value=old").await;
    let mut parked = gateway.watch("/a?wait=true&waitIndex=0").await;
    gateway.ok("PUT /a value=new").await;
    assert_eq!(parked.event().await["node"]["value"], "new");
}

#[tokio::test]
async fn a_watch_ahead_of_the_store_waits() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /a value=1").await;
    let mut parked = gateway.watch("/a?wait=true&waitIndex=5").await;
    for value in ["2", "3", "4"] {
        gateway.ok(&format!("PUT /a value={value}")).await;
    }
    assert_eq!(parked.event().await["node"]["value"], "4");
}

#[tokio::test]
async fn files_and_directories_exclude_each_other() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /f value=1").await;
    gateway.ok("PUT /d/x value=1").await;
    let under = gateway.ask("PUT /f/x value=1").await.json();
    assert_eq!(
        (&under["errorCode"], &under["cause"]),
        (&104.into(), &"/f".into())
    );
    let over = gateway.ask("PUT /d value=1").await.json();
    assert_eq!(
        (&over["errorCode"], &over["cause"]),
        (&102.into(), &"/d".into())
    );
    assert_eq!(gateway.ok("GET /d/x").await["node"]["value"], "1");
}

#[tokio::test]
async fn a_user_and_password_are_accepted_where_none_are_asked_for() {
    let gateway = Gateway::start().await;
    let headers = [
        ("authorization", "Basic dGVzdDp2ZXJ5LXNlY3VyZQ=="),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let put =
        http_client::request(gateway.address, "PUT", "/v2/keys/a", &headers, b"value=1").await;
    assert_eq!(put.status, 201);
}

#[tokio::test]
async fn in_order_keys_are_named_after_their_creation_index() {
    let gateway = Gateway::start().await;
    let first = gateway.ok("POST /q value=1").await;
    let second = gateway.ok("POST /q value=2").await;
    let at = index(&first);
    assert_eq!(first["node"]["key"], format!("/q/{at:020}"));
    assert!(second["node"]["key"].as_str() > first["node"]["key"].as_str());
}

#[tokio::test]
async fn no_success_has_an_empty_body() {
    let gateway = Gateway::start().await;
    for line in [
        "PUT /a?noValueOnSuccess=true value=1",
        "GET /a",
        "DELETE /a",
        "GET /",
        "GET !/v2/members",
    ] {
        let answer = ask(gateway.address, line).await;
        assert!(answer.status < 300 && !answer.body.is_empty(), "{line}");
    }
}

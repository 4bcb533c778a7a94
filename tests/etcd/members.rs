//! Members, statistics, version and health.

use kubekv::face::etcd::{Etcd, router};
use support::faces;
use support::http_client;

use super::client::{Gateway, ask};

async fn members(gateway: &Gateway, host: &str) -> serde_json::Value {
    let request = format!("GET /v2/members HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    let answer = http_client::raw(gateway.address, request.as_bytes()).await;
    let answer = String::from_utf8(answer).unwrap();
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    serde_json::from_str::<serde_json::Value>(body).unwrap()["members"][0]["clientURLs"].clone()
}

#[tokio::test]
async fn the_host_header_is_the_members_client_url() {
    let gateway = Gateway::start().await;
    assert_eq!(
        members(&gateway, "store.internal:2379").await[0],
        "http://store.internal:2379"
    );
    assert_eq!(
        members(&gateway, "[fd00::1]:2379").await[0],
        "http://[fd00::1]:2379"
    );
}

#[tokio::test]
async fn an_invalid_host_header_is_not_repeated() {
    let gateway = Gateway::start().await;
    let own = format!("http://{}", gateway.address);
    for host in ["", ":2379"] {
        assert_eq!(members(&gateway, host).await[0], own, "{host}");
    }
    for host in ["user@host:1", "a b", "h/x", "<script>"] {
        let request = format!("GET /v2/members HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let answer = http_client::raw(gateway.address, request.as_bytes()).await;
        let refused = b"HTTP/1.1 400 Bad Request: malformed Host header\r\n";
        assert!(answer.starts_with(refused), "{host}");
    }
}

#[tokio::test]
async fn without_a_host_header_the_members_client_url_is_the_local_address() {
    let gateway = Gateway::start().await;
    let answer = http_client::raw(gateway.address, b"GET /v2/machines HTTP/1.0\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    let own = format!("http://{}", gateway.address);
    assert!(answer.ends_with(&own), "{answer}");
}

#[tokio::test]
async fn configured_advertise_addresses_replace_the_host_header() {
    let space = faces::space().await;
    let advertise = vec!["http://a:1".to_owned(), "http://b:2".to_owned()];
    let (address, _stop) = faces::start(|stopping| {
        router(Etcd {
            space,
            stopping,
            advertise,
            fairness: kubekv::fairness::Fairness::default(),
        })
    })
    .await;
    let members = ask(address, "GET !/v2/members").await.json();
    assert_eq!(
        members["members"][0]["clientURLs"],
        serde_json::json!(["http://a:1", "http://b:2"])
    );
    assert_eq!(
        ask(address, "GET !/v2/machines").await.text(),
        "http://a:1, http://b:2"
    );
}

#[tokio::test]
async fn the_only_member_is_the_leader() {
    let gateway = Gateway::start().await;
    let members = gateway.ok("GET !/v2/members").await;
    let leader = gateway.ok("GET !/v2/members/leader").await;
    assert_eq!(members["members"][0], leader);
    assert_eq!(
        leader["name"], "default",
        "the name of an etcd started without one"
    );
    assert_eq!(
        leader["peerURLs"],
        serde_json::json!(["http://localhost:2380"])
    );
    let stats = gateway.ok("GET !/v2/stats/leader").await;
    assert_eq!(stats["leader"], leader["id"]);
    let own = gateway.ok("GET !/v2/stats/self").await;
    assert_eq!(
        (&own["id"], &own["name"], &own["state"]),
        (&leader["id"], &leader["name"], &"StateLeader".into())
    );
}

#[tokio::test]
async fn unsupported_endpoints_are_refused_by_name() {
    let gateway = Gateway::start().await;
    // Go's client of version 2 hides what is in a 501.
    for (line, status, names) in [
        ("POST !/v2/members", 409, "members"),
        ("PUT !/v2/members/1", 409, "members"),
        ("DELETE !/v2/members/1", 409, "members"),
        ("PUT !/v2/auth/enable", 409, "users and roles"),
        ("PUT !/v2/auth/users/u", 409, "users and roles"),
        ("DELETE !/v2/auth/roles/r", 409, "users and roles"),
        ("POST !/v3/kv/range", 501, "v3"),
        ("POST !/v3beta/kv/put", 501, "v3"),
    ] {
        let answer = gateway.ask(line).await;
        assert_eq!(answer.status, status, "{line}");
        assert!(
            answer.json()["message"].as_str().unwrap().contains(names),
            "{line}"
        );
    }
    let headers = [("content-type", "application/grpc")];
    let path = "/etcdserverpb.KV/Range";
    let call = http_client::request(gateway.address, "POST", path, &headers, b"").await;
    assert_eq!(call.status, 501);
}

#[tokio::test]
async fn stats_count_successes_and_failures() {
    let gateway = Gateway::start().await;
    gateway.ok("PUT /a value=1").await;
    gateway.ask("PUT /a?prevValue=x value=1").await;
    gateway.ask("GET /none").await;
    let _parked = gateway.watch("/a?wait=true").await;
    let stats = gateway.ok("GET !/v2/stats/store").await;
    assert_eq!(stats["setsSuccess"], 1);
    assert_eq!(stats["compareAndSwapFail"], 1);
    assert_eq!(stats["getsFail"], 1);
    assert_eq!(stats["watchers"], 1);
}

#[tokio::test]
async fn version_and_health_are_those_of_a_healthy_etcd() {
    let gateway = Gateway::start().await;
    let version = gateway.ask("GET !/version").await;
    assert_eq!(
        version.text(),
        r#"{"etcdserver":"3.4.23","etcdcluster":"3.4.0"}"#
    );
    assert_eq!(
        gateway.ask("GET !/health").await.text(),
        r#"{"health":"true"}"#
    );
}

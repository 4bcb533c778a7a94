//! The gateway's answers about itself, and its refusals.

use bytes::Bytes;
use serde_json::json;

use super::client::{Gateway, NODE};

#[tokio::test]
async fn the_agent_reports_its_identity_and_limits() {
    let gateway = Gateway::start().await;
    let own = gateway.get("agent/self").await.json();
    assert_eq!(own["Config"]["NodeName"], NODE);
    assert_eq!(own["Config"]["Datacenter"], "dc1");
    assert_eq!(
        (&own["Config"]["Server"], &own["Config"]["Version"]),
        (&json!(true), &json!("1.8.7"))
    );
    assert_eq!(own["DebugConfig"]["KVMaxValueSize"], 2 << 20);
    assert_eq!(own["Member"]["Addr"], "127.0.0.1");
    assert_eq!(own["Meta"]["kubekv-version"], env!("CARGO_PKG_VERSION"));
    let members = gateway.get("agent/members?segment=_all").await.json();
    assert_eq!(members[0]["Name"], NODE);
    assert_eq!(members[0]["Tags"]["id"], own["Config"]["NodeID"]);
}

#[tokio::test]
async fn the_leader_is_the_address_the_client_reached() {
    let gateway = Gateway::start().await;
    assert_eq!(
        gateway.get("status/leader").await.json(),
        json!(gateway.address.to_string())
    );
    assert_eq!(
        gateway.get("status/peers").await.json(),
        json!([gateway.address.to_string()])
    );
}

#[tokio::test]
async fn the_catalog_has_one_node_with_a_service_and_a_check() {
    let gateway = Gateway::start().await;
    let nodes = gateway.get("catalog/nodes").await;
    assert_eq!((nodes.index(), nodes.field("Node")), (2, json!(NODE)));
    let node = gateway.get(&format!("catalog/node/{NODE}")).await.json();
    assert_eq!(node["Services"]["consul"]["Port"], gateway.address.port());
    assert_eq!(
        gateway.get("catalog/services").await.text(),
        r#"{"consul":[]}"#
    );
    let health = gateway.get("health/service/consul").await.json();
    assert_eq!(health[0]["Checks"][0]["CheckID"], "serfHealth");
    let filtered = gateway.get("catalog/nodes?filter=Node==x").await;
    assert_eq!(
        (filtered.status, filtered.text()),
        (400, "filter is not implemented by kubekv")
    );
}

#[tokio::test]
async fn options_of_the_catalog_are_read_as_consul_reads_them() {
    let gateway = Gateway::start().await;
    let no_segments = "Network segments are not supported in this version of Consul";
    let no_truth = "Invalid value for ?passing";
    for (path, status, text) in [
        ("health/service/none?passing", 200, "[]"),
        ("health/service/none?passing=F", 200, "[]"),
        ("health/service/none?passing=x", 400, no_truth),
        ("health/service/?passing=x", 400, "Missing service name"),
        ("agent/members?segment=x", 500, no_segments),
        ("agent/members?segment=_all&wan=1", 200, "null"),
        (
            "agent/members?segment=x&wan=1",
            400,
            "Cannot provide a segment with wan=true",
        ),
        ("catalog/datacenters?wait=x&index=x", 200, r#"["dc1"]"#),
        (
            "catalog/datacenters?max_stale=x",
            400,
            r#"Invalid max_stale value "x""#,
        ),
    ] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status, answer.text()), (status, text), "{path}");
    }
}

#[tokio::test]
async fn unimplemented_endpoints_are_refused_by_name() {
    let gateway = Gateway::start().await;
    for (method, path) in [
        ("GET", "event/list"),
        ("PUT", "event/fire/x"),
        ("PUT", "catalog/register"),
        ("PUT", "agent/service/register"),
        ("GET", "operator/raft/configuration"),
        ("GET", "snapshot"),
        ("POST", "query"),
        ("GET", "config/x/y"),
        ("GET", "connect/ca/roots"),
        ("GET", "coordinate/nodes"),
    ] {
        let answer = gateway
            .ask(method, &format!("/v1/{path}"), &[], b"{}")
            .await;
        assert_eq!(answer.status, 501, "{path}");
        let first = path.split('/').next().unwrap();
        assert!(
            answer.text().starts_with(&format!("/v1/{first}")),
            "{}",
            answer.text()
        );
        assert!(answer.text().ends_with(" is not implemented by kubekv"));
    }
    for (what, named) in [
        ("Node", "nodes"),
        ("Service", "services"),
        ("Check", "checks"),
    ] {
        let body =
            format!(r#"[{{"KV":{{"Verb":"set","Key":"a"}}}},{{"{what}":{{"Verb":"set"}}}}]"#);
        let answer = gateway.put("txn", body).await;
        let words = format!("transactions on {named} are not implemented by kubekv");
        assert_eq!((answer.status, answer.text()), (501, words.as_str()));
    }
    assert_eq!(
        gateway.get("kv/a").await.status,
        404,
        "no operation may be applied"
    );
}

#[tokio::test]
async fn acl_endpoints_answer_disabled_with_consuls_message() {
    let gateway = Gateway::start().await;
    for (method, path) in [
        ("PUT", "acl/bootstrap"),
        ("GET", "acl/list"),
        ("GET", "acl/token/self"),
    ] {
        let answer = gateway.ask(method, &format!("/v1/{path}"), &[], b"").await;
        assert_eq!(
            (answer.status, answer.text()),
            (401, "ACL support disabled"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_lock_delay_refuses_other_sessions_until_it_ends() {
    tokio::time::pause();
    let gateway = Gateway::start().await;
    let make = async |body: &str| {
        let answer = gateway.call("PUT", "session/create", body.to_owned()).await;
        answer.json()["ID"].as_str().unwrap().to_owned()
    };
    let first = make(r#"{"LockDelay":"20s"}"#).await;
    let second = make("{}").await;
    gateway
        .call("PUT", &format!("kv/a?acquire={first}"), "1")
        .await;
    gateway
        .call("PUT", &format!("session/destroy/{first}"), "")
        .await;
    let acquire = async || {
        gateway
            .call("PUT", &format!("kv/a?acquire={second}"), "2")
            .await
    };
    assert_eq!(acquire().await.text(), "false");
    tokio::time::sleep(std::time::Duration::from_secs(19)).await;
    assert_eq!(acquire().await.text(), "false");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(acquire().await.text(), "true");
}

#[tokio::test]
async fn a_failed_transaction_changes_nothing() {
    let gateway = Gateway::start().await;
    let index = gateway.set("a", "before").await;
    let body = r#"[{"KV":{"Verb":"set","Key":"a","Value":"YWZ0ZXI="}},{"KV":{"Verb":"delete","Key":"a"}},{"KV":{"Verb":"cas","Key":"b","Index":7}}]"#;
    let answer = gateway.put("txn", body).await;
    assert_eq!(answer.status, 409);
    assert_eq!(
        answer.text(),
        r#"{"Results":null,"Errors":[{"OpIndex":2,"What":"failed to set key \"b\", index is stale"}]}"#
    );
    let after = gateway.get("kv/a").await;
    assert_eq!(
        (after.index(), after.field("Value")),
        (index, json!("YmVmb3Jl"))
    );
}

#[tokio::test]
async fn concurrent_cas_writers_are_serialized() {
    let gateway = Gateway::start().await;
    gateway.set("count", "0").await;
    let writer = async || {
        let mut done = 0;
        while done < 20 {
            let now = gateway.call("GET", "kv/count", "").await;
            let raw = gateway.call("GET", "kv/count?raw", "").await;
            let next = raw.text().parse::<u64>().unwrap() + 1;
            let swapped = gateway
                .call(
                    "PUT",
                    &format!("kv/count?cas={}", now.index()),
                    next.to_string(),
                )
                .await;
            done += u64::from(swapped.text() == "true" && raw.index() == now.index());
            assert!(
                swapped.text() == "false" || raw.index() == now.index(),
                "a check-and-set succeeded after another writer's"
            );
        }
    };
    tokio::join!(writer(), writer(), writer(), writer());
    assert_eq!(gateway.get("kv/count?raw").await.text(), "80");
}

#[tokio::test]
async fn without_a_store_writes_fail_with_consuls_message_and_reads_succeed() {
    let gateway = Gateway::start().await;
    gateway.set("a", "v").await;
    gateway.close().await;
    for (method, path) in [
        ("PUT", "kv/a"),
        ("DELETE", "kv/a"),
        ("PUT", "kv/b?cas=0"),
        ("PUT", "session/create"),
    ] {
        let answer = gateway.ask(method, &format!("/v1/{path}"), &[], b"").await;
        assert_eq!(answer.status, 500, "{method} {path}");
        assert!(
            answer.text().starts_with("No cluster leader"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(gateway.get("kv/a?raw").await.text(), "v");
}

#[tokio::test]
async fn a_small_value_does_not_retain_its_receive_buffer() {
    let gateway = Gateway::start().await;
    let buffer = Bytes::from(vec![b'x'; 8192]);
    let answer = gateway.call("PUT", "kv/small", buffer.slice(..16)).await;
    assert_eq!(answer.text(), "true");
    assert!(buffer.is_unique(), "the stored value retains the buffer");
}

#[tokio::test]
async fn a_key_created_and_deleted_in_one_transaction_has_its_own_index() {
    let gateway = Gateway::start().await;
    let before = gateway.set("a", "value").await;
    let both =
        r#"[{"KV":{"Verb":"set","Key":"b","Value":"eA=="}},{"KV":{"Verb":"delete","Key":"b"}}]"#;
    let answer = gateway.put("txn", both).await.json();
    let index = answer["Results"][0]["KV"]["ModifyIndex"].as_u64().unwrap();
    let after = gateway.set("b", "another").await;
    assert!(before < index && index < after, "{before} {index} {after}");
}

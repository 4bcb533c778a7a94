//! Transactions of Consul: no operation and no error reveals anything about a hidden key.

use serde_json::{Value, json};

use super::gateway::{ADMIN, Answer, Gateway, NODE};

/// A gateway where `secret/x` exists, and one where it does not.
async fn twins() -> [Gateway; 2] {
    [with("secret/x").await, with("secret/other").await]
}

async fn with(hidden: &str) -> Gateway {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    gateway.set("seen", "1").await;
    gateway.set(hidden, "value").await;
    gateway
}

/// The answer of both twins, which must be equal.
async fn both(ops: &Value) -> Answer {
    let [with, without] = twins().await;
    let ask = async |gateway: &Gateway| gateway.consul(NODE, "PUT txn", &ops.to_string()).await;
    let (one, other) = (ask(&with).await, ask(&without).await);
    assert_eq!(one, other, "{ops}");
    let there = with.consul(ADMIN, "GET kv/secret/x?raw", "").await;
    assert_eq!(there.body, "value", "{ops}");
    one
}

#[tokio::test]
async fn each_operation_on_a_hidden_key_is_refused_present_or_missing() {
    let session = "01234567-89ab-cdef-0123-456789abcdef";
    let set = json!({"KV": {"Verb": "set", "Key": "seen", "Value": "Mg=="}});
    for verb in [
        "get",
        "check-index",
        "check-session",
        "check-not-exists",
        "set",
        "cas",
        "delete",
        "delete-cas",
        "delete-tree",
        "lock",
        "unlock",
    ] {
        for index in [0, 1, 3] {
            let op = json!({"KV": {"Verb": verb, "Key": "secret/x", "Value": "MQ==",
                "Index": index, "Session": session}});
            // Alone, and together with a write that is allowed.
            for ops in [json!([op]), json!([set, op])] {
                let answer = both(&ops).await;
                assert_eq!(answer.status, 409, "{ops}");
                let place = ops.as_array().unwrap().len() - 1;
                let errors = json!([{"OpIndex": place, "What": "Permission denied"}]);
                assert_eq!(answer.json()["Errors"], errors, "{ops}");
            }
        }
    }
}

#[tokio::test]
async fn tree_operations_omit_hidden_keys_and_never_delete_in_part() {
    let tree = |key: &str| json!({"KV": {"Verb": "get-tree", "Key": key}});
    let set = json!({"KV": {"Verb": "set", "Key": "a", "Value": "Mg=="}});
    for ops in [json!([tree("se")]), json!([set, tree("se")])] {
        let answer = both(&ops).await;
        assert_eq!(answer.status, 200, "{ops}");
        assert!(!answer.body.contains("secret"), "{}", answer.body);
        assert!(answer.body.contains("seen"), "{}", answer.body);
    }
    for key in ["secret/", "se", ""] {
        let delete = json!([{"KV": {"Verb": "delete-tree", "Key": key}}]);
        assert_eq!(both(&delete).await.status, 409, "{key}");
    }
    let delete = json!([{"KV": {"Verb": "delete-tree", "Key": "seen"}}]);
    assert_eq!(both(&delete).await.status, 200);
}

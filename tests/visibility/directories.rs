//! Events of directories: a watch reports only the changes that its caller may see.

use super::gateway::{ADMIN, Gateway, NODE};

#[tokio::test]
async fn deletion_of_a_directory_shows_no_hidden_keys_to_a_watch() {
    let gateway = Gateway::start(vec![("d/secret", false), ("hidden", false)]).await;
    gateway.etcd(ADMIN, "PUT d/secret/a", "value=1").await;
    gateway.etcd(ADMIN, "PUT d/z", "value=2").await;
    let from = gateway.etcd(NODE, "GET d/z", "").await.etcd_index() + 1;
    gateway.etcd(ADMIN, "DELETE d?recursive=true", "").await;
    let wait = format!("GET d/z?wait=true&waitIndex={from}");
    let event = gateway.etcd(NODE, &wait, "").await.json();
    assert_eq!(event["action"], "delete");
    assert_eq!(event["node"]["key"], "/d");
    assert!(!event.to_string().contains("secret"), "{event}");
}

#[tokio::test]
async fn deletion_of_a_hidden_parent_is_not_shown_to_a_watch() {
    let gateway = Gateway::start(vec![("up", false), ("up/own", true)]).await;
    gateway.etcd(ADMIN, "PUT up/own/k", "value=1").await;
    let from = gateway.etcd(NODE, "GET up/own/k", "").await.etcd_index() + 1;
    gateway.etcd(ADMIN, "DELETE up?recursive=true", "").await;
    let wait = format!("GET up/own/k?wait=true&waitIndex={from}");
    let event = gateway.etcd(NODE, &wait, "").await.json();
    assert_eq!(
        (&event["action"], &event["node"]["key"]),
        (&"delete".into(), &"/up/own/k".into())
    );
}

#[tokio::test]
async fn a_transaction_shows_a_watch_only_visible_keys() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    gateway.set("open", "1").await;
    let from = gateway.etcd(NODE, "GET open", "").await.etcd_index() + 1;
    let ops = r#"[{"KV":{"Verb":"set","Key":"secret/x","Value":"MQ=="}},
        {"KV":{"Verb":"set","Key":"open","Value":"Mg=="}}]"#;
    assert_eq!(gateway.consul(ADMIN, "PUT txn", ops).await.status, 200);
    let wait = format!("GET ?wait=true&recursive=true&waitIndex={from}");
    let event = gateway.etcd(NODE, &wait, "").await.json();
    assert_eq!(event["node"]["key"], "/open");
}

//! The keyspace itself, without a face: views and watches of a restricted caller.

use kubekv::model::{Caller, FaceName, Key, KeyRange, Principal};
use kubekv::space::Lookup;

use super::gateway::{Gateway, NODE};

fn node() -> Caller {
    Caller::Client {
        face: FaceName::Consul,
        peer: "127.0.0.1:1".parse().unwrap(),
        principal: Principal::named(NODE),
    }
}

#[tokio::test]
async fn a_hidden_key_was_never_there() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    let before = gateway.space.read(&node()).key_index(&Key::user("secret"));
    gateway.set("secret", "1").await;
    let view = gateway.space.read(&node());
    assert_eq!(view.key_index(&Key::user("secret")), before);
    assert!(view.get(&Key::user("secret")).is_none());
}

#[tokio::test]
async fn a_watch_holds_of_a_commit_what_may_be_seen_and_nothing_of_hidden_ones() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    let all = vec![KeyRange::Prefix(Key::user(""))];
    let mut watch = gateway.space.watch(&node(), all);
    // More than wait for one watch.
    for count in 0..2_000 {
        gateway.set("secret", &count.to_string()).await;
    }
    let ops = r#"[{"KV":{"Verb":"set","Key":"secret/x","Value":"MQ=="}},
        {"KV":{"Verb":"set","Key":"open","Value":"Mg=="}}]"#;
    gateway.consul(super::gateway::ADMIN, "PUT txn", ops).await;
    let commit = watch.try_next().unwrap().unwrap();
    let keys: Vec<_> = commit.changes.iter().map(|change| &change.key).collect();
    assert_eq!(keys, [&Key::user("open")]);
    assert!(watch.try_next().is_none());
}

#[tokio::test]
async fn the_operator_and_the_gateway_itself_see_everything() {
    let gateway = Gateway::start(vec![("", false)]).await;
    gateway.set("k", "1").await;
    assert_eq!(gateway.space.read(&node()).scan(&Key::user("")).count(), 0);
    for caller in [Caller::Operator, Caller::System] {
        let view = gateway.space.read(&caller);
        assert_eq!(view.scan(&Key::user("")).count(), 1, "{caller:?}");
    }
}

//! Views and watches of a restricted caller on the keyspace itself, without a face.

use std::convert::Infallible;

use kubekv::model::{Caller, FaceName, Key, KeyRange, LeaseId};
use kubekv::space::{ChangeError, Denied, Draft, Lookup};

use super::gateway::{ADMIN, Gateway, NODE};
use super::guard::credentials_of;

fn node() -> Caller {
    Caller::Client {
        face: FaceName::Consul,
        peer: "127.0.0.1:1".parse().unwrap(),
        credentials: credentials_of(NODE),
    }
}

#[tokio::test]
async fn a_hidden_key_is_indistinguishable_from_a_missing_one() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    let before = gateway.space.read(&node()).key_index(&Key::user("secret"));
    gateway.set("secret", "1").await;
    let view = gateway.space.read(&node());
    assert_eq!(view.key_index(&Key::user("secret")), before);
    assert!(view.get(&Key::user("secret")).is_none());
}

#[tokio::test]
async fn a_watch_receives_only_visible_changes_of_a_commit() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    let all = vec![KeyRange::Prefix(Key::user(""))];
    let mut watch = gateway.space.watch(&node(), all);
    // More changes than a watch's queue holds.
    for count in 0..2_000 {
        gateway.set("secret", &count.to_string()).await;
    }
    let ops = r#"[{"KV":{"Verb":"set","Key":"secret/x","Value":"MQ=="}},
        {"KV":{"Verb":"set","Key":"open","Value":"Mg=="}}]"#;
    gateway.consul(ADMIN, "PUT txn", ops).await;
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

#[tokio::test]
async fn a_watch_receives_only_the_leases_of_its_caller() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    let records = vec![KeyRange::Prefix(LeaseId::records())];
    let mut watch = gateway.space.watch(&node(), records);
    let other = gateway.session(ADMIN).await;
    let destroy = format!("PUT session/destroy/{other}");
    gateway.consul(ADMIN, &destroy, "").await;
    assert!(watch.try_next().is_none());
    gateway.session(NODE).await;
    assert!(watch.try_next().is_some_and(|next| next.is_ok()));
}

#[tokio::test]
async fn the_lock_delay_of_a_hidden_key_cannot_be_read() {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    let ask = |draft: &mut Draft<'_>| Ok::<_, Infallible>(draft.is_delayed(&Key::user("secret")));
    let refused = gateway.space.commit(&node(), ask).await;
    assert!(matches!(
        refused,
        Err(ChangeError::Denied(Denied::Forbidden(_)))
    ));
}

/// Or else whoever asks for the metadata of a directory again and again keeps a thread that serves others.
#[tokio::test]
async fn what_it_costs_to_count_children_one_by_one_is_known_before() {
    let gateway = Gateway::start(vec![("d/secret", false), ("hidden", false)]).await;
    for number in 0..100 {
        gateway.set(&format!("d/{number}"), "1").await;
        gateway.set(&format!("hidden/{number}"), "1").await;
    }
    let view = gateway.space.read(&node());
    assert!(view.cost_of_directory("d") >= 100 && view.cost_of_directory("") >= 200);
    // What is seen as a whole, or not at all, is not walked.
    assert_eq!(
        ["hidden", "d/1", "none"].map(|path| view.cost_of_directory(path)),
        [0; 3]
    );
    assert_eq!(
        (
            view.directory("hidden").children,
            view.most_children("hidden")
        ),
        (0, 100)
    );
    let all = gateway.space.read(&Caller::System);
    assert_eq!(
        ["", "d", "hidden"].map(|path| all.cost_of_directory(path)),
        [0; 3]
    );
}

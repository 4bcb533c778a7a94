//! Entries of other protocols as seen by etcd clients. The tests write to the keyspace as Consul's face does.

use std::convert::Infallible;

use kubekv::model::{Caller, Key, Lease, LeaseEnd, LeaseId};
use kubekv::space::Lookup;

use super::inside::{Inside, event};

async fn put(face: &Inside, key: &str, value: &'static str) -> u64 {
    let key = Key::user(key);
    let done = face.space.commit(&Caller::System, |draft| {
        let mut record = draft.successor(&key);
        record.value = value.into();
        draft.put(&key, record);
        Ok::<_, Infallible>(())
    });
    done.await.unwrap().revision
}

async fn delete(face: &Inside, key: &str) {
    let key = Key::user(key);
    let done = face.space.commit(&Caller::System, |draft| {
        Ok::<_, Infallible>(draft.delete(&key))
    });
    done.await.unwrap();
}

#[tokio::test]
async fn a_key_with_a_slash_and_a_value_is_a_file() {
    let face = Inside::new().await;
    put(&face, "n/x/", "1").await;
    let node = &face.ok("GET /n/x").await["node"];
    assert_eq!(
        (&node["key"], &node["value"]),
        (&"/n/x".into(), &"1".into())
    );
}

#[tokio::test]
async fn a_key_with_a_slash_and_no_value_is_a_directory() {
    let face = Inside::new().await;
    put(&face, "n/", "").await;
    let node = &face.ok("GET /n").await["node"];
    assert_eq!((&node["key"], &node["dir"]), (&"/n".into(), &true.into()));
    put(&face, "empty", "").await;
    assert_eq!(face.ok("GET /empty").await["node"]["value"], "");
}

#[tokio::test]
async fn a_node_with_children_is_a_directory_and_hides_its_value() {
    let face = Inside::new().await;
    put(&face, "n", "hidden").await;
    put(&face, "n/x", "1").await;
    let node = &face.ok("GET /n?recursive=true").await["node"];
    assert_eq!(
        (&node["dir"], &node["value"]),
        (&true.into(), &serde_json::Value::Null)
    );
    assert_eq!(node["nodes"][0]["value"], "1");
    assert_eq!(
        face.status_and_body("PUT /n value=2").await.1["errorCode"],
        102
    );
}

#[tokio::test]
async fn of_two_spellings_the_key_without_trailing_slash_is_shown() {
    let face = Inside::new().await;
    put(&face, "n/", "slash").await;
    put(&face, "n", "plain").await;
    assert_eq!(face.ok("GET /n").await["node"]["value"], "plain");
    // After a deletion by etcd no spelling of the key is shown to etcd.
    face.ok("DELETE /n").await;
    assert_eq!(face.status_and_body("GET /n").await.0, 404);
}

#[tokio::test]
async fn implied_parents_have_the_age_of_their_oldest_child() {
    let face = Inside::new().await;
    put(&face, "other", "x").await;
    let first = put(&face, "p/q/a", "1").await;
    put(&face, "p/q/b", "1").await;
    put(&face, "p/q/a", "2").await;
    for path in ["/p", "/p/q"] {
        let node = &face.ok(&format!("GET {path}")).await["node"];
        assert_eq!(node["dir"], true);
        assert_eq!(
            (&node["modifiedIndex"], &node["createdIndex"]),
            (&first.into(), &first.into())
        );
    }
    face.ok("DELETE /p?recursive=true").await;
    assert_eq!(face.status_and_body("GET /p").await.0, 404);
}

#[tokio::test]
async fn a_ttl_on_an_implied_parent_keeps_its_creation_index() {
    let face = Inside::new().await;
    let first = put(&face, "p/a", "1").await;
    let updated = face.ok("PUT /p?dir=true&prevExist=true ttl=100").await;
    assert_eq!(updated["node"]["createdIndex"], first);
    assert_eq!(
        (
            &updated["prevNode"]["dir"],
            &updated["prevNode"]["createdIndex"]
        ),
        (&true.into(), &first.into())
    );
    assert_eq!(face.ok("GET /p").await["node"]["createdIndex"], first);
}

#[tokio::test]
async fn keys_that_are_no_etcd_path_are_hidden() {
    let face = Inside::new().await;
    for key in ["a//b", "/a", "a//"] {
        put(&face, key, "1").await;
    }
    assert_eq!(face.status_and_body("GET /a").await.0, 404);
    assert_eq!(
        face.ok("GET /?recursive=true").await["node"]["nodes"],
        serde_json::Value::Null
    );
}

#[tokio::test]
async fn an_etcd_write_keeps_the_spelling_and_consuls_attributes() {
    let face = Inside::new().await;
    let id = LeaseId::random();
    let key = Key::user("n/x/");
    let locked = face.space.commit(&Caller::System, |draft| {
        draft.put_lease(&Lease {
            id,
            term_ms: None,
            on_end: LeaseEnd::Release,
            lock_delay_ms: 0,
            labels: std::collections::BTreeMap::new(),
            owner: kubekv::model::Principal::Anonymous,
            protocol: kubekv::model::LeaseProtocol::Consul,
        });
        draft.acquire(&key, id, |record| {
            record.value = "1".into();
            record.attrs.flags = 7;
        });
        Ok::<_, Infallible>(())
    });
    locked.await.unwrap();
    for write in [
        "PUT /n/x value=2",
        "PUT /n/x?prevExist=true value=3",
        "PUT /n/x?prevValue=3 value=4",
    ] {
        face.ok(write).await;
    }
    let view = face.space.read(&Caller::System);
    let entry = view.get(&key).unwrap();
    assert_eq!(entry.value().as_ref(), b"4");
    assert_eq!((entry.attrs().flags, entry.attrs().lock), (7, Some(id)));
    assert_eq!(entry.created(), 2, "Consul's CreateIndex must not change");
    assert_eq!(
        entry.placed(),
        3,
        "etcd's createdIndex must be that of the last set"
    );
    assert!(view.get(&Key::user("n/x")).is_none());
}

#[tokio::test]
async fn etcd_directories_are_consul_keys_with_a_trailing_slash() {
    let face = Inside::new().await;
    face.ok("PUT /d?dir=true").await;
    face.ok("PUT /p/q/r value=1").await;
    let view = face.space.read(&Caller::System);
    let keys: Vec<_> = view
        .scan(&Key::user(""))
        .map(|(key, _)| key.as_str().unwrap())
        .collect();
    assert_eq!(keys, ["d/", "p/", "p/q/", "p/q/r"]);
}

#[tokio::test]
async fn consul_writes_and_deletions_wake_etcd_watches() {
    let face = Inside::new().await;
    let mut tree = face.watch("/n?wait=true&recursive=true&stream=true").await;
    put(&face, "n/x/", "1").await;
    put(&face, "n/x/", "2").await;
    delete(&face, "n/x/").await;
    put(&face, "n/d/", "").await;
    delete(&face, "n/d/").await;
    let mut events = Vec::new();
    for _ in 0..5 {
        let event = event(&mut tree).await;
        let word = |field: &serde_json::Value| field.as_str().unwrap().to_owned();
        events.push((
            word(&event["action"]),
            word(&event["node"]["key"]),
            event["prevNode"]["value"].clone(),
        ));
    }
    let null = serde_json::Value::Null;
    let expected = [
        ("set", "/n/x", null.clone()),
        ("set", "/n/x", "1".into()),
        ("delete", "/n/x", "2".into()),
        ("set", "/n/d", null.clone()),
        ("delete", "/n/d", null),
    ]
    .map(|(action, key, prev)| (action.to_owned(), key.to_owned(), prev));
    assert_eq!(events, expected);
}

#[tokio::test]
async fn a_directory_with_children_survives_the_deletion_of_its_marker_key() {
    let face = Inside::new().await;
    put(&face, "n/", "").await;
    put(&face, "n/x", "1").await;
    let mut tree = face.watch("/n?wait=true&recursive=true&stream=true").await;
    delete(&face, "n/").await;
    put(&face, "n", "hidden").await;
    put(&face, "n/x", "2").await;
    assert_eq!(event(&mut tree).await["node"]["key"], "/n/x");
    face.ok("GET /n/x").await;
}

#[tokio::test]
async fn expiry_of_a_session_with_delete_behavior_is_an_expire_event() {
    let face = Inside::new().await;
    let id = LeaseId::random();
    let key = Key::user("n/x");
    let locked = face.space.commit(&Caller::System, |draft| {
        draft.put_lease(&Lease {
            id,
            term_ms: None,
            on_end: LeaseEnd::Delete,
            lock_delay_ms: 0,
            labels: std::collections::BTreeMap::new(),
            owner: kubekv::model::Principal::Anonymous,
            protocol: kubekv::model::LeaseProtocol::Consul,
        });
        draft.acquire(&key, id, |record| record.value = "1".into());
        Ok::<_, Infallible>(())
    });
    locked.await.unwrap();
    let mut wait = face.watch("/n/x?wait=true").await;
    let ended = face.space.commit(&Caller::System, |draft| {
        Ok::<_, Infallible>(draft.end_lease(id))
    });
    ended.await.unwrap();
    assert_eq!(event(&mut wait).await["action"], "expire");
}

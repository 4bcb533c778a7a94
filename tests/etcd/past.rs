//! Resumption of a watch from before the kept history: Docker never gets error 401.

use std::convert::Infallible;

use kubekv::model::{Caller, Key};
use kubekv::space::Keyspace;
use support::faces;

use super::inside::Inside;

/// Makes more commits than the history keeps, to a key that no test reads.
async fn overflow_history(space: &Keyspace) {
    let key = Key::user("noise");
    for _ in 0..17_000 {
        space
            .commit(&Caller::System, |draft| {
                let record = draft.successor(&key);
                draft.put(&key, record);
                Ok::<_, Infallible>(())
            })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_watch_from_before_the_history_reports_the_keys_last_change() {
    let face = Inside::new().await;
    for value in ["1", "2", "3"] {
        face.ok(&format!("PUT /k value={value}")).await;
    }
    overflow_history(&face.space).await;
    for since in 2..=4 {
        let event = face
            .ok(&format!("GET /k?wait=true&waitIndex={since}"))
            .await;
        assert_eq!(
            (&event["node"]["value"], &event["node"]["modifiedIndex"]),
            (&"3".into(), &4.into())
        );
    }
}

#[tokio::test]
async fn a_watch_from_before_the_history_reports_a_deletion() {
    let face = Inside::new().await;
    face.ok("PUT /k value=1").await;
    face.ok("DELETE /k").await;
    overflow_history(&face.space).await;
    let event = face.ok("GET /k?wait=true&waitIndex=3").await;
    assert_eq!(event["action"], "delete");
    assert_eq!(
        (&event["node"]["key"], &event["node"]["modifiedIndex"]),
        (&"/k".into(), &3.into())
    );
}

#[tokio::test]
async fn a_watch_from_before_the_history_reports_a_subtree_in_revision_order() {
    let face = Inside::new().await;
    for line in [
        "PUT /t/b value=1",
        "PUT /t/a value=1",
        "PUT /t/gone value=1",
        "PUT /t/_hidden value=1",
        "PUT /t/b value=2",
        "DELETE /t/gone",
    ] {
        face.ok(line).await;
    }
    overflow_history(&face.space).await;
    face.ok("PUT /t/new value=1").await;
    let mut since = 1;
    let mut events = Vec::new();
    for _ in 0..4 {
        let event = face
            .ok(&format!(
                "GET /t?wait=true&recursive=true&waitIndex={since}"
            ))
            .await;
        since = event["node"]["modifiedIndex"].as_u64().unwrap() + 1;
        events.push(format!(
            "{} {}",
            event["action"].as_str().unwrap(),
            event["node"]["key"].as_str().unwrap()
        ));
    }
    assert_eq!(
        events,
        ["set /t/a", "set /t/b", "delete /t/gone", "set /t/new"]
    );
}

#[tokio::test]
async fn a_watch_from_any_index_waits_when_nothing_changed() {
    let face = Inside::new().await;
    face.ok("PUT /k value=1").await;
    overflow_history(&face.space).await;
    let mut wait = face.watch("/k?wait=true&waitIndex=3").await;
    let mut other = face.watch("/none?wait=true&waitIndex=1").await;
    face.ok("PUT /k value=2").await;
    face.ok("PUT /none value=1").await;
    assert_eq!(super::inside::event(&mut wait).await["node"]["value"], "2");
    assert_eq!(super::inside::event(&mut other).await["node"]["value"], "1");
}

#[tokio::test]
async fn a_watch_from_before_the_kept_deletions_is_401() {
    let space = faces::space().await;
    let face = Inside::over(space.clone());
    face.ok("PUT /there value=1").await;
    // More deletions than are kept.
    for batch in 0..140 {
        for delete in [false, true] {
            space
                .commit(&Caller::System, |draft| {
                    for number in 0..1_000 {
                        let key = Key::user(format!("gone/{batch}-{number}"));
                        if delete {
                            draft.delete(&key);
                        } else {
                            let record = draft.successor(&key);
                            draft.put(&key, record);
                        }
                    }
                    Ok::<_, Infallible>(())
                })
                .await
                .unwrap();
        }
    }
    overflow_history(&space).await;
    let (status, refused) = face
        .status_and_body("GET /gone?wait=true&recursive=true&waitIndex=2")
        .await;
    assert_eq!((status, &refused["errorCode"]), (400, &401.into()));
    let cause = refused["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("the requested history has been cleared ["),
        "{cause}"
    );
    assert!(refused["index"].as_u64() > Some(17_000));
    assert_eq!(
        face.status_and_body("GET /gone/0-0?wait=true&waitIndex=2")
            .await
            .1["errorCode"],
        401
    );
    // A key exists, but earlier deletions in the tree are no longer known.
    let all = face
        .status_and_body("GET /?wait=true&recursive=true&waitIndex=2")
        .await;
    assert_eq!(all.1["errorCode"], 401, "{all:?}");
    // A key that exists was not deleted since its last write.
    assert_eq!(
        face.ok("GET /there?wait=true&waitIndex=2").await["node"]["value"],
        "1"
    );
    let mut wait = face.watch("/there?wait=true&waitIndex=3").await;
    face.ok("PUT /there value=2").await;
    assert_eq!(super::inside::event(&mut wait).await["node"]["value"], "2");
}

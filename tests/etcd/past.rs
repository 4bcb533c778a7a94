//! Resuming a watch from before the history that is kept: Docker never sees 401.

use std::convert::Infallible;

use kubekv::model::{Caller, Key};
use kubekv::space::Keyspace;
use support::faces;

use super::inside::Inside;

/// More commits than are kept, of a key that nobody asks about.
async fn bury(space: &Keyspace) {
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
async fn the_last_change_of_a_key_is_told_however_long_ago() {
    let face = Inside::new().await;
    for value in ["1", "2", "3"] {
        face.ok(&format!("PUT /k value={value}")).await;
    }
    bury(&face.space).await;
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
async fn a_deletion_is_told_however_long_ago() {
    let face = Inside::new().await;
    face.ok("PUT /k value=1").await;
    face.ok("DELETE /k").await;
    bury(&face.space).await;
    let event = face.ok("GET /k?wait=true&waitIndex=3").await;
    assert_eq!(event["action"], "delete");
    assert_eq!(
        (&event["node"]["key"], &event["node"]["modifiedIndex"]),
        (&"/k".into(), &3.into())
    );
}

#[tokio::test]
async fn a_tree_is_told_key_by_key_in_the_order_of_changes() {
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
    bury(&face.space).await;
    face.ok("PUT /t/new value=1").await;
    let mut since = 1;
    let mut told = Vec::new();
    for _ in 0..4 {
        let event = face
            .ok(&format!(
                "GET /t?wait=true&recursive=true&waitIndex={since}"
            ))
            .await;
        since = event["node"]["modifiedIndex"].as_u64().unwrap() + 1;
        told.push(format!(
            "{} {}",
            event["action"].as_str().unwrap(),
            event["node"]["key"].as_str().unwrap()
        ));
    }
    assert_eq!(
        told,
        ["set /t/a", "set /t/b", "delete /t/gone", "set /t/new"]
    );
}

#[tokio::test]
async fn nothing_happened_is_waited_for_from_any_index() {
    let face = Inside::new().await;
    face.ok("PUT /k value=1").await;
    bury(&face.space).await;
    let mut wait = face.watch("/k?wait=true&waitIndex=3").await;
    let mut other = face.watch("/none?wait=true&waitIndex=1").await;
    face.ok("PUT /k value=2").await;
    face.ok("PUT /none value=1").await;
    assert_eq!(super::inside::event(&mut wait).await["node"]["value"], "2");
    assert_eq!(super::inside::event(&mut other).await["node"]["value"], "1");
}

#[tokio::test]
async fn what_even_deletions_do_not_tell_any_more_is_401() {
    let space = faces::space().await;
    let face = Inside::over(space.clone());
    face.ok("PUT /there value=1").await;
    // More deletions than are remembered.
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
    bury(&space).await;
    let (status, refused) = face
        .say("GET /gone?wait=true&recursive=true&waitIndex=2")
        .await;
    assert_eq!((status, &refused["errorCode"]), (400, &401.into()));
    let cause = refused["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("the requested history has been cleared ["),
        "{cause}"
    );
    assert!(refused["index"].as_u64() > Some(17_000));
    assert_eq!(
        face.say("GET /gone/0-0?wait=true&waitIndex=2").await.1["errorCode"],
        401
    );
    // Something is there; of what went before it nobody knows.
    let all = face.say("GET /?wait=true&recursive=true&waitIndex=2").await;
    assert_eq!(all.1["errorCode"], 401, "{all:?}");
    // A key that is there was not deleted since.
    assert_eq!(
        face.ok("GET /there?wait=true&waitIndex=2").await["node"]["value"],
        "1"
    );
    let mut wait = face.watch("/there?wait=true&waitIndex=3").await;
    face.ok("PUT /there value=2").await;
    assert_eq!(super::inside::event(&mut wait).await["node"]["value"], "2");
}

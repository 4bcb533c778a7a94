//! Sessions belong to the principal that made them.

use super::gateway::{ADMIN, Gateway, NODE, answered, is_parked};

const OTHER: &str = "other";

async fn gateway() -> Gateway {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    gateway.guard.show(OTHER, vec![("secret", false)]);
    gateway
}

#[tokio::test]
async fn sessions_of_others_are_in_no_list() {
    let gateway = gateway().await;
    let (own, other) = (gateway.session(NODE).await, gateway.session(OTHER).await);
    for what in ["GET session/list", "GET session/node/host"] {
        let listed = gateway.consul(NODE, what, "").await.body;
        assert!(listed.contains(&own) && !listed.contains(&other), "{what}");
        let all = gateway.consul(ADMIN, what, "").await.body;
        assert!(all.contains(&own) && all.contains(&other), "{what}");
    }
    let info = gateway
        .consul(NODE, &format!("GET session/info/{other}"), "")
        .await;
    assert_eq!(info.body, "[]");
    let info = gateway
        .consul(NODE, &format!("GET session/info/{own}"), "")
        .await;
    assert!(info.body.contains(&own));
}

#[tokio::test(start_paused = true)]
async fn sessions_of_others_move_no_index_and_wake_no_query() {
    let gateway = gateway().await;
    let own = gateway.session(NODE).await;
    let index = gateway.consul(NODE, "GET session/list", "").await.index();
    let blocking = format!("GET session/list?index={index}&wait=5m");
    let mut query = Box::pin(gateway.consul(NODE, &blocking, ""));
    assert!(is_parked(&mut query).await);
    let other = gateway.session(OTHER).await;
    let destroy = format!("PUT session/destroy/{other}");
    assert_eq!(gateway.consul(OTHER, &destroy, "").await.body, "true");
    assert!(is_parked(&mut query).await, "woken by another's session");
    let still = gateway.consul(NODE, "GET session/list", "").await.index();
    assert_eq!(still, index);
    let destroy = format!("PUT session/destroy/{own}");
    assert_eq!(gateway.consul(NODE, &destroy, "").await.body, "true");
    let answer = answered(query).await;
    assert_eq!(answer.body, "[]");
    assert!(answer.index() > index, "an index never falls");
}

#[tokio::test]
async fn nobody_renews_ends_or_locks_with_a_session_of_another() {
    let gateway = gateway().await;
    let session = gateway.session(OTHER).await;
    let locked = format!("PUT kv/lock?acquire={session}");
    assert_eq!(gateway.consul(OTHER, &locked, "1").await.body, "true");
    for what in [
        format!("PUT session/renew/{session}"),
        format!("PUT session/destroy/{session}"),
        format!("PUT kv/lock?acquire={session}"),
        format!("PUT kv/lock?release={session}"),
        format!("PUT kv/free?acquire={session}"),
    ] {
        let refused = gateway.consul(NODE, &what, "2").await;
        let words = (refused.status, refused.body.as_str());
        assert_eq!(words, (403, "Permission denied"), "{what}");
    }
    for verb in ["lock", "unlock"] {
        let op = format!(
            r#"[{{"KV":{{"Verb":"{verb}","Key":"lock","Value":"Mg==","Session":"{session}"}}}}]"#
        );
        let refused = gateway.consul(NODE, "PUT txn", &op).await;
        assert_eq!(refused.status, 409);
        assert!(refused.body.contains("Permission denied"), "{verb}");
    }
    // It lives on, and holds its lock.
    let lock = gateway.consul(NODE, "GET kv/lock", "").await.json();
    assert_eq!(
        (&lock[0]["Session"], &lock[0]["Value"]),
        (&session.as_str().into(), &"MQ==".into())
    );
    for what in ["renew", "destroy"] {
        let own = gateway
            .consul(OTHER, &format!("PUT session/{what}/{session}"), "")
            .await;
        assert_eq!(own.status, 200, "{what}");
    }
    // Of one that is not there the protocol's own answer is given.
    let gone = gateway
        .consul(OTHER, &format!("PUT session/renew/{session}"), "")
        .await;
    assert_eq!(gone.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_releases_what_its_owner_sees_no_more() {
    let gateway = gateway().await;
    let session = gateway.session(NODE).await;
    let locked = format!("PUT kv/lock?acquire={session}");
    assert_eq!(gateway.consul(NODE, &locked, "1").await.body, "true");
    gateway.guard.show(NODE, vec![("lock", false)]);
    let destroy = format!("PUT session/destroy/{session}");
    assert_eq!(gateway.consul(NODE, &destroy, "").await.body, "true");
    let lock = gateway.consul(ADMIN, "GET kv/lock", "").await.json();
    assert!(lock[0].get("Session").is_none(), "{lock}");
    // Whether it is delayed is told to those alone who see the key.
    let own = gateway.session(NODE).await;
    let refused = gateway
        .consul(NODE, &format!("PUT kv/lock?acquire={own}"), "")
        .await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn a_session_of_an_anonymous_client_is_anybodys() {
    let gateway = gateway().await;
    let session = gateway.session("").await;
    for what in ["renew", "destroy"] {
        let answer = gateway
            .consul(NODE, &format!("PUT session/{what}/{session}"), "")
            .await;
        assert_eq!(answer.status, 200, "{what}");
    }
}

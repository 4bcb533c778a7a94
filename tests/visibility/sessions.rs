//! Ownership of sessions: a session belongs to the principal that created it.

use super::gateway::{ADMIN, Gateway, NODE, answered, is_parked};

const OTHER: &str = "other";

async fn gateway() -> Gateway {
    let gateway = Gateway::start(vec![("secret", false)]).await;
    gateway.guard.show(OTHER, vec![("secret", false)]);
    gateway
}

#[tokio::test]
async fn sessions_of_other_principals_are_not_listed() {
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
async fn sessions_of_other_principals_move_no_index_and_wake_no_query() {
    let gateway = gateway().await;
    let own = gateway.session(NODE).await;
    let index = gateway.consul(NODE, "GET session/list", "").await.index();
    let blocking = format!("GET session/list?index={index}&wait=5m");
    let mut query = Box::pin(gateway.consul(NODE, &blocking, ""));
    assert!(is_parked(&mut query).await);
    let other = gateway.session(OTHER).await;
    let destroy = format!("PUT session/destroy/{other}");
    assert_eq!(gateway.consul(OTHER, &destroy, "").await.body, "true");
    assert!(
        is_parked(&mut query).await,
        "woken by another principal's session"
    );
    let still = gateway.consul(NODE, "GET session/list", "").await.index();
    assert_eq!(still, index);
    let destroy = format!("PUT session/destroy/{own}");
    assert_eq!(gateway.consul(NODE, &destroy, "").await.body, "true");
    let answer = answered(query).await;
    assert_eq!(answer.body, "[]");
    assert!(answer.index() > index, "the index must not fall");
}

#[tokio::test]
async fn sessions_of_other_principals_cannot_be_renewed_destroyed_or_locked_with() {
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
    // The session stays, and holds its lock.
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
    // For a missing session the protocol's own answer is sent.
    let gone = gateway
        .consul(OTHER, &format!("PUT session/renew/{session}"), "")
        .await;
    assert_eq!(gone.status, 404);
}

#[tokio::test(start_paused = true)]
async fn an_ending_session_releases_locks_its_owner_can_no_longer_see() {
    let gateway = gateway().await;
    let session = gateway.session(NODE).await;
    let locked = format!("PUT kv/lock?acquire={session}");
    assert_eq!(gateway.consul(NODE, &locked, "1").await.body, "true");
    gateway.guard.show(NODE, vec![("lock", false)]);
    let destroy = format!("PUT session/destroy/{session}");
    assert_eq!(gateway.consul(NODE, &destroy, "").await.body, "true");
    let lock = gateway.consul(ADMIN, "GET kv/lock", "").await.json();
    assert!(lock[0].get("Session").is_none(), "{lock}");
    // The lock delay is visible only to callers who may see the key.
    let own = gateway.session(NODE).await;
    let refused = gateway
        .consul(NODE, &format!("PUT kv/lock?acquire={own}"), "")
        .await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn an_anonymous_clients_session_can_be_used_by_everyone() {
    let gateway = gateway().await;
    let session = gateway.session("").await;
    for what in ["renew", "destroy"] {
        let answer = gateway
            .consul(NODE, &format!("PUT session/{what}/{session}"), "")
            .await;
        assert_eq!(answer.status, 200, "{what}");
    }
}

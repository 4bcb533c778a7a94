//! Rights that go away: what waits is refused, and so is the next request of a kept connection.

use std::time::Duration;

use http_body_util::BodyExt;
use kubekv::wire::zookeeper::ErrorCode;

use super::gateway::{Gateway, ME, rule};

const PATIENCE: Duration = Duration::from_secs(30);

fn reading() -> String {
    rule(
        "own",
        "allow = [\"read\", \"list\", \"watch\"]\nbeneath = [\"a\"]\nsessions = \"own\"",
    )
}

async fn gateway() -> Gateway {
    let gateway = Gateway::start(&reading()).await;
    gateway.set("a/k", "1").await;
    gateway
}

/// Lets everything go on that can.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn parked_queries_of_consul_are_refused() {
    for what in ["GET kv/a/k", "GET kv/a/?recurse", "GET kv/a/?keys"] {
        let gateway = gateway().await;
        let index = gateway.consul(ME, what, "").await.index();
        let joint = if what.contains('?') { '&' } else { '?' };
        let blocking = format!("{what}{joint}index={index}&wait=5m");
        let query = gateway.consul(ME, &blocking, "");
        let revoke = async {
            settle().await;
            gateway.rules("");
        };
        let both = async { tokio::join!(query, revoke) };
        let (answer, ()) = tokio::time::timeout(PATIENCE, both).await.unwrap();
        let words = (answer.status, answer.body.as_str());
        assert_eq!(words, (403, "Permission denied"), "{what}");
    }
}

#[tokio::test]
async fn parked_watches_of_etcd_end_without_an_event_and_are_then_refused() {
    for what in [
        "GET /a/k?wait=true&waitIndex=99",
        "GET /a?wait=true&recursive=true&stream=true",
    ] {
        let gateway = gateway().await;
        let response = gateway.etcd_response(ME, what, "").await;
        assert_eq!(response.status(), 200);
        let body = tokio::spawn(response.into_body().collect());
        settle().await;
        gateway.rules("");
        gateway.set("a/k", "secret").await;
        let body = tokio::time::timeout(PATIENCE, body).await.unwrap().unwrap();
        let told = body
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        assert!(told.is_empty(), "{what}: {told:?}");
        assert_eq!(gateway.etcd(ME, what, "").await.status, 401, "{what}");
    }
}

#[tokio::test]
async fn a_watching_connection_of_zookeeper_ends_and_the_next_is_told_nothing() {
    let gateway = gateway().await;
    let address = gateway.zookeeper_address(ME).await;
    let mut client = super::zookeeper_client::Client::connect(address).await;
    client.get("/a/k", true).await.unwrap();
    let session = super::zookeeper_client::again(&client.response);
    gateway.rules(&rule("sessions-alone", "sessions = \"own\""));
    gateway.set("a/k", "secret").await;
    let ended = tokio::time::timeout(PATIENCE, client.frame())
        .await
        .unwrap();
    assert!(ended.is_none(), "{ended:?}");
    // Its session is still its own.
    let client = super::zookeeper_client::Client::connect_with(address, &session).await;
    let mut client = client.unwrap();
    assert_eq!(client.response.session, session.session);
    assert_eq!(client.get("/a/k", false).await, Err(ErrorCode::NoAuth));
    assert_eq!(client.exists("/a/k", true).await, Err(ErrorCode::NoAuth));
}

#[tokio::test]
async fn kept_connections_have_the_rights_of_now() {
    let gateway = gateway().await;
    let mut client = gateway.zookeeper(ME).await;
    assert_eq!(client.get("/a/k", false).await.unwrap().data.unwrap(), b"1");
    let writing = "allow = [\"all\"]\nbeneath = [\"a\"]\nsessions = \"own\"";
    gateway.rules(&rule("more", writing));
    client.set("/a/k", b"2", -1).await.unwrap();
    gateway.rules(&reading());
    assert_eq!(client.set("/a/k", b"3", -1).await, Err(ErrorCode::NoAuth));
    gateway.rules("");
    assert_eq!(client.get("/a/k", false).await, Err(ErrorCode::NoAuth));
}

#[tokio::test]
async fn no_session_is_made_or_taken_up_without_the_right() {
    let gateway = gateway().await;
    let mine = gateway.zookeeper(ME).await;
    let other = gateway.zookeeper_address("admin").await;
    gateway.rules("");
    let request = super::zookeeper_client::again(&mine.response);
    let address = gateway.zookeeper_address(ME).await;
    for request in [request, super::zookeeper_client::new_session()] {
        let refused = super::zookeeper_client::Client::connect_with(address, &request).await;
        assert_eq!(refused.unwrap().response.session, 0);
    }
    // A new one is somebody else's in any case.
    let admin = super::zookeeper_client::Client::connect(other).await;
    assert_ne!(admin.response.session, mine.response.session);
    let refused = gateway.consul(ME, "PUT session/create", "{}").await;
    assert_eq!(refused.status, 403);
}

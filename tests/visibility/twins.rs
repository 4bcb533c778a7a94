//! Twins: two gateways whose hidden keys differ answer every request alike.
//!
//! Both have the same revisions and the same visible keys. The requested hidden keys exist in one of them only.

use super::gateway::{ADMIN, Gateway, NODE};
use super::guard::Prefixes;

fn hidden() -> Prefixes {
    vec![
        ("app/secret", false),
        ("lone/secret", false),
        ("leaf/secret", false),
        ("deep", false),
        ("deep/own", true),
    ]
}

/// A gateway with the hidden keys that are requested, and one with others instead.
async fn twins() -> [Gateway; 2] {
    let hidden_keys = [
        [
            ("app/secret/x", "hush"),
            ("app/secret/dir/y", "y"),
            ("lone/secret/x", "hush"),
            ("deep", "a value above what the node may see"),
        ],
        [
            ("app/secret/a", "hush"),
            ("app/secret/b/c", "y"),
            ("app/secret/d", "hush"),
            ("deeper", "a value beside what the node may see"),
        ],
    ];
    let [one, other] = hidden_keys;
    [with(one).await, with(other).await]
}

async fn with(hidden_keys: [(&str, &str); 4]) -> Gateway {
    let gateway = Gateway::start(hidden()).await;
    gateway.set("app/open", "1").await;
    for (key, value) in hidden_keys {
        gateway.set(key, value).await;
    }
    gateway.set("app/other/open", "2").await;
    // A deleted hidden key must not show either.
    let (first, _) = hidden_keys[0];
    gateway.set(&format!("{first}/gone"), "").await;
    let delete = format!("DELETE kv/{first}/gone");
    gateway.consul(ADMIN, &delete, "").await;
    gateway
}

/// Revision of `app/secret/x` and its like.
const HIDDEN_AT: u64 = 3;

#[derive(Clone, Copy, Debug)]
enum Face {
    Consul,
    Etcd,
}

/// Both gateways answer each request alike, and with this status.
async fn assert_alike(face: Face, asked: &[(&str, &str, u16)]) {
    let [with, without] = twins().await;
    for (what, body, status) in asked {
        let ask = async |gateway: &Gateway| match face {
            Face::Consul => gateway.consul(NODE, what, body).await,
            Face::Etcd => gateway.etcd(NODE, what, body).await,
        };
        let (one, other) = (ask(&with).await, ask(&without).await);
        assert_eq!(one, other, "{face:?} {what} {body}");
        assert_eq!(one.status, *status, "{face:?} {what} {body}: {one:?}");
        let hidden_words = ["secret", "hush", "/deep\"", "deeper"];
        let own_words = what.contains("secret") || what.contains("deep");
        assert!(
            own_words || hidden_words.iter().all(|word| !one.body.contains(word)),
            "{face:?} {what}: {one:?}"
        );
    }
    // The hidden keys have not changed.
    let there = with.consul(ADMIN, "GET kv/app/secret/x?raw", "").await;
    assert_eq!(there.body, "hush");
    let missing = without.consul(ADMIN, "GET kv/app/secret/x", "").await;
    assert_eq!(missing.status, 404);
}

#[tokio::test]
async fn consul_reads_and_writes_reveal_no_hidden_key() {
    let at = HIDDEN_AT;
    let asked = [
        ("GET kv/app/secret/x".to_owned(), "", 403),
        ("GET kv/app/secret/x?raw".to_owned(), "", 403),
        ("GET kv/app/secret/x?index=1&wait=1s".to_owned(), "", 403),
        // A range of which nothing can be seen is refused as a key is: 404 would say that it is empty.
        ("GET kv/app/secret/?keys".to_owned(), "", 403),
        ("GET kv/app/secret/?recurse".to_owned(), "", 403),
        ("GET kv/?keys".to_owned(), "", 200),
        ("GET kv/?keys&separator=/".to_owned(), "", 200),
        ("GET kv/app/?keys&separator=/".to_owned(), "", 200),
        ("GET kv/?recurse".to_owned(), "", 200),
        ("GET kv/app/?recurse".to_owned(), "", 200),
        ("GET kv/lone?recurse".to_owned(), "", 404),
        ("PUT kv/app/secret/x".to_owned(), "mine", 403),
        ("PUT kv/app/secret/x?cas=0".to_owned(), "mine", 403),
        ("PUT kv/app/secret/x?cas=1".to_owned(), "mine", 403),
        (format!("PUT kv/app/secret/x?cas={at}"), "mine", 403),
        ("PUT kv/app/secret/x?acquire=x".to_owned(), "mine", 403),
        ("PUT kv/app/secret/x?release=x".to_owned(), "mine", 403),
        ("DELETE kv/app/secret/x".to_owned(), "", 403),
        ("DELETE kv/app/secret/x?cas=1".to_owned(), "", 403),
        (format!("DELETE kv/app/secret/x?cas={at}"), "", 403),
        ("DELETE kv/app/secret/?recurse".to_owned(), "", 403),
        ("DELETE kv/lone/?recurse".to_owned(), "", 403),
        ("DELETE kv/app/?recurse".to_owned(), "", 403),
        ("DELETE kv/?recurse".to_owned(), "", 403),
        // Visible keys are read and written as without a guard.
        ("PUT kv/app/open?cas=2".to_owned(), "3", 200),
        ("DELETE kv/app/other/?recurse".to_owned(), "", 200),
        ("PUT kv/lone".to_owned(), "4", 200),
    ];
    let asked: Vec<_> = asked
        .iter()
        .map(|(what, body, status)| (what.as_str(), *body, *status))
        .collect();
    assert_alike(Face::Consul, &asked).await;
}

#[tokio::test]
async fn etcd_reads_reveal_no_hidden_key() {
    assert_alike(
        Face::Etcd,
        &[
            ("GET app/secret/x", "", 401),
            ("HEAD app/secret/x", "", 401),
            ("GET app/secret", "", 401),
            ("GET app/secret/?recursive=true", "", 401),
            ("GET app/secret/x?wait=true", "", 401),
            (
                "GET app/secret?wait=true&recursive=true&waitIndex=2",
                "",
                401,
            ),
            ("GET app", "", 200),
            ("GET app?recursive=true", "", 200),
            ("GET ?recursive=true", "", 200),
            ("GET ", "", 200),
            // A directory that only hidden keys imply, and a value above visible ones.
            ("GET lone", "", 404),
            ("GET deep", "", 404),
            ("GET deep/own/k", "", 404),
        ],
    )
    .await;
}

#[tokio::test]
async fn etcd_writes_reveal_no_hidden_key() {
    let at = format!("prevIndex={HIDDEN_AT}&value=mine");
    assert_alike(
        Face::Etcd,
        &[
            ("PUT app/secret/x", "value=mine", 401),
            ("PUT app/secret/x", "prevExist=true&value=mine", 401),
            ("PUT app/secret/x", "prevExist=false&value=mine", 401),
            ("PUT app/secret/x", "prevValue=guess&value=mine", 401),
            ("PUT app/secret/x", "prevValue=hush&value=mine", 401),
            ("PUT app/secret/x", "prevIndex=1&value=mine", 401),
            ("PUT app/secret/x", &at, 401),
            ("PUT app/secret/x", "refresh=true&ttl=9&prevExist=true", 401),
            ("PUT app/secret/x", "refresh=true&ttl=9", 401),
            ("PUT app/secret/x", "dir=true", 401),
            ("PUT app/secret/dir", "dir=true&ttl=9&prevExist=true", 401),
            ("PUT app/secret/x/beneath", "value=mine", 401),
            ("POST app/secret", "value=mine", 401),
            ("POST app/secret/x", "value=mine", 401),
            ("DELETE app/secret/x", "", 401),
            ("DELETE app/secret/x?prevValue=guess", "", 401),
            ("DELETE app/secret/x?prevValue=hush", "", 401),
            ("DELETE app/secret/x?prevIndex=1", "", 401),
            ("DELETE app/secret?recursive=true", "", 401),
            ("DELETE app/secret/dir?dir=true", "", 401),
        ],
    )
    .await;
}

#[tokio::test]
async fn etcd_writes_near_hidden_keys_have_the_same_outcome() {
    assert_alike(
        Face::Etcd,
        &[
            // A subtree that is hidden in part cannot be written by a caller who does not see all of it.
            ("DELETE app?recursive=true", "", 401),
            ("PUT app", "dir=true&ttl=9&prevExist=true", 401),
            ("POST app", "value=mine", 401),
            ("DELETE app?dir=true", "", 401),
            ("DELETE app", "", 403),
            // A directory that only hidden keys imply does not exist for the caller, and can be created.
            ("DELETE lone?recursive=true", "", 404),
            ("PUT lone", "prevExist=true&value=mine", 404),
            ("PUT lone", "dir=true&ttl=9", 401),
            ("PUT lone", "dir=true&ttl=9&prevExist=false", 401),
            // A value is deleted alone, even if hidden keys could be beneath it.
            ("PUT leaf", "value=mine", 201),
            ("DELETE leaf", "", 200),
            ("PUT lone/seen", "value=mine", 201),
            ("GET lone?recursive=true", "", 200),
            ("PUT lone/seen", "prevValue=mine&value=other", 200),
            ("DELETE lone/seen", "", 200),
            // A hidden value on the path does not prevent a write below it.
            ("PUT deep/own/k", "value=mine", 201),
            ("PUT deep/own/k", "prevExist=false&value=mine", 412),
            ("GET deep/own/k", "", 200),
            ("POST deep/own/queue", "value=mine", 201),
            ("PUT deep/own/none", "refresh=true&ttl=9", 404),
            ("DELETE deep/own?recursive=true", "", 200),
            ("GET ?recursive=true", "", 200),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_replay_of_history_reveals_no_hidden_key() {
    assert_alike(
        Face::Etcd,
        &[
            ("GET ?wait=true&recursive=true&waitIndex=2", "", 200),
            // The next visible change, after any hidden ones.
            ("GET ?wait=true&recursive=true&waitIndex=3", "", 200),
            ("GET app?wait=true&recursive=true&waitIndex=3", "", 200),
        ],
    )
    .await;
}

#[tokio::test]
async fn refusals_use_each_protocols_message() {
    let gateway = Gateway::start(hidden()).await;
    let refused = gateway.consul(NODE, "PUT kv/app/secret", "").await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (403, "Permission denied")
    );
    let refused = gateway.etcd(NODE, "PUT app/secret", "value=1").await;
    let words = concat!(
        r#"{"errorCode":110,"message":"The request requires user authentication","#,
        r#""cause":"Insufficient credentials","index":0}"#,
        "\n"
    );
    assert_eq!((refused.status, refused.body.as_str()), (401, words));
    assert_eq!(refused.etcd_index(), 0);
}

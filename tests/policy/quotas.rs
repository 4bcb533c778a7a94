//! Quotas on every face: how much may be beneath a prefix, whoever adds to it and by whatever protocol.

use std::sync::Arc;
use std::time::Duration;

use kubekv::guard::PolicyMode;
use kubekv::store::MemoryStore;
use kubekv::wire::zookeeper::ErrorCode;

use super::gateway::{ADMIN, Gateway, ME};

/// Everybody with a certificate may do everything.
pub(crate) const ALL: &str = "[[rule]]\nname = \"all\"\nidentities = [\"*\"]\nallow = [\"all\"]\nbeneath = [\"\"]\nsessions = \"own\"\n";

pub(crate) fn quota(body: &str) -> String {
    format!("{ALL}\n[[quota]]\nname = \"few\"\n{body}\n")
}

fn of_everybody() -> String {
    quota("beneath = [\"t\"]\nkeys = 2\nbytes = 100")
}

pub(crate) const USED: [&str; 2] = [
    "kubekv_policy_quota_used{quota=\"few\",resource=\"keys\"}",
    "kubekv_policy_quota_used{quota=\"few\",resource=\"bytes\"}",
];

fn used(gateway: &Gateway) -> [i64; 2] {
    USED.map(|name| gateway.metric(name).unwrap())
}

fn refusals(gateway: &Gateway, mode: &str, resource: &str) -> i64 {
    let name = format!(
        "kubekv_policy_quota_refusals_total{{mode=\"{mode}\",quota=\"few\",resource=\"{resource}\"}}"
    );
    gateway.metric(&name).unwrap_or(0)
}

#[tokio::test]
async fn each_protocol_refuses_in_its_own_words_and_what_shrinks_or_stays_goes_on() {
    let gateway = Gateway::start(&of_everybody()).await;
    gateway.set("t/a", "1").await;
    gateway.set("t/b", "1").await;
    assert_eq!(used(&gateway), [2, 8]);
    let refused = gateway.consul(ME, "PUT kv/t/c", "1").await;
    let sentence = "over quota 'few': it allows no more keys";
    assert_eq!((refused.status, refused.body.as_str()), (413, sentence));
    let refused = gateway.etcd(ME, "PUT /t/c", "value=1").await;
    assert_eq!(refused.status, 400);
    let json: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(
        (&json["errorCode"], &json["cause"]),
        (&209.into(), &sentence.into())
    );
    let mut zookeeper = gateway.zookeeper(ME).await;
    let created = zookeeper.create("/t/c", b"1", 0).await;
    assert_eq!(created, Err(ErrorCode::QuotaExceeded));
    assert_eq!(refusals(&gateway, "enforce", "keys"), 3);
    // Over the bytes, in each protocol.
    let long = "x".repeat(100);
    let refused = gateway.consul(ADMIN, "PUT kv/t/a", &long).await;
    assert_eq!(refused.body, "over quota 'few': it allows no more bytes");
    let form = format!("value={long}");
    assert_eq!(gateway.etcd(ME, "PUT /t/a", &form).await.status, 400);
    let set = zookeeper.set("/t/a", long.as_bytes(), -1).await;
    assert_eq!(set.err(), Some(ErrorCode::QuotaExceeded));
    assert_eq!(used(&gateway), [2, 8]);
    // What adds nothing, takes, or is beside it.
    assert_eq!(gateway.consul(ME, "PUT kv/t/a", "2").await.body, "true");
    assert_eq!(gateway.consul(ME, "PUT kv/tt", &long).await.body, "true");
    assert_eq!(gateway.etcd(ME, "PUT /t/b", "value=").await.status, 200);
    zookeeper.delete("/t/a", -1).await.unwrap();
    assert_eq!(used(&gateway), [1, 3]);
    zookeeper.create("/t/c", b"1", 0).await.unwrap();
    assert_eq!(
        gateway.consul(ME, "DELETE kv/t/?recurse", "").await.body,
        "true"
    );
    assert_eq!(used(&gateway), [0, 0]);
}

#[tokio::test]
async fn a_commit_satisfies_the_quota_of_every_prefix() {
    let rules = format!(
        "{}\n[[quota]]\nname = \"all\"\nbeneath = [\"\"]\nkeys = 3\n",
        quota("beneath = [\"t\", \"u\"]\nkeys = 1")
    );
    let gateway = Gateway::start(&rules).await;
    let set = |key: &str| {
        format!("{{\"KV\": {{\"Verb\": \"set\", \"Key\": \"{key}\", \"Value\": \"\"}}}}")
    };
    let delete = |key: &str| format!("{{\"KV\": {{\"Verb\": \"delete\", \"Key\": \"{key}\"}}}}");
    for (operations, refused) in [
        (vec![set("t/a"), set("u/a"), set("x")], None),
        (vec![set("t/b"), delete("t/a")], None),
        (vec![delete("x"), set("u/b")], Some("few")),
        (vec![set("y")], Some("all")),
        (vec![delete("t/b"), set("t/c"), delete("x"), set("y")], None),
    ] {
        let body = format!("[{}]", operations.join(","));
        let before = gateway.state();
        let answer = gateway.consul(ME, "PUT txn", &body).await;
        match refused {
            None => assert_eq!(answer.status, 200, "{body}: {}", answer.body),
            Some(name) => {
                let sentence = format!("over quota '{name}': it allows no more keys");
                assert_eq!((answer.status, answer.body), (413, sentence), "{body}");
                assert_eq!(gateway.state(), before);
            }
        }
    }
}

#[tokio::test]
async fn a_prefix_is_filled_in_from_the_proof_and_binds_whom_it_says() {
    let rules = quota("identities = [\"{name}\"]\nbeneath = [\"homes/{name}\"]\nkeys = 1");
    let gateway = Gateway::start(&rules).await;
    // Whoever wrote it, and before its owner ever came.
    gateway.set("homes/me/a", "1").await;
    gateway.set("homes/me/b", "1").await;
    let refused = gateway.consul(ME, "PUT kv/homes/me/c", "").await;
    assert_eq!(refused.status, 413);
    assert_eq!(gateway.metric(USED[0]), Some(2));
    // Elsewhere it binds nobody, and here nobody else.
    for (who, key) in [
        (ME, "homes/other/a"),
        (ME, "homes/other/b"),
        (ME, "homes/m"),
        (ME, "homes/me2"),
        (ADMIN, "homes/me/c"),
    ] {
        let answer = gateway.consul(who, &format!("PUT kv/{key}"), "").await;
        assert_eq!(answer.body, "true", "{who}: {key}");
    }
    // Without the right to write nothing is told of the quota.
    let hidden = gateway.consul("", "PUT kv/homes/me/c", "").await;
    assert_eq!(
        (hidden.status, hidden.body.as_str()),
        (403, "Permission denied")
    );
}

#[tokio::test]
async fn a_changed_policy_changes_quotas_at_once() {
    let gateway = Gateway::start(ALL).await;
    for key in ["t/a", "t/b", "t/c"] {
        gateway.set(key, "1").await;
    }
    gateway.rules(&of_everybody());
    assert_eq!(used(&gateway), [3, 12]);
    assert_eq!(gateway.consul(ME, "PUT kv/t/d", "").await.status, 413);
    gateway.rules(&quota("beneath = [\"t\"]\nkeys = 4"));
    assert_eq!(gateway.consul(ME, "PUT kv/t/d", "").await.status, 200);
    assert_eq!(gateway.consul(ME, "PUT kv/t/e", "").await.status, 413);
    gateway.rules(ALL);
    assert_eq!(gateway.metric(USED[0]), None);
    assert_eq!(gateway.consul(ME, "PUT kv/t/e", "").await.status, 200);
}

#[tokio::test]
async fn mode_warn_counts_what_would_be_refused_and_makes_it() {
    let store = Arc::new(MemoryStore::new());
    let gateway = Gateway::over(store, PolicyMode::Warn, &of_everybody()).await;
    for key in ["t/a", "t/b", "t/c"] {
        gateway.set(key, "1").await;
    }
    assert_eq!(refusals(&gateway, "warn", "keys"), 1);
    assert_eq!(used(&gateway), [3, 12]);
}

#[tokio::test]
async fn ends_of_sessions_and_of_keys_are_never_refused() {
    let gateway = Gateway::start(ALL).await;
    let mut zookeeper = gateway.zookeeper(ME).await;
    zookeeper.create("/t", b"", 0).await.unwrap();
    zookeeper.create("/t/mine", b"1", 1).await.unwrap();
    let session = gateway.session(ME).await;
    let lock = format!("PUT kv/t/lock?acquire={session}");
    assert_eq!(gateway.consul(ME, &lock, "").await.body, "true");
    assert_eq!(
        gateway
            .etcd(ME, "PUT /t/short", "value=1&ttl=1")
            .await
            .status,
        201
    );
    gateway.rules(&quota("beneath = [\"t\"]\nkeys = 0"));
    let destroyed = gateway
        .consul(ME, &format!("PUT session/destroy/{session}"), "")
        .await;
    assert_eq!(destroyed.body, "true");
    zookeeper.close().await;
    while gateway
        .state()
        .keys()
        .any(|key| key == "t/mine" || key == "t/short")
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(gateway.consul(ME, "PUT kv/t/lock", "").await.body, "true");
    assert_eq!(gateway.consul(ME, "PUT kv/t/new", "").await.status, 413);
}

//! Counts of quotas against a naive count of all entries, whatever changed them.

use std::sync::Arc;

use kubekv::guard::PolicyMode;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use kubekv::store::{MemoryStore, Store};
use proptest::prelude::*;

use super::gateway::{ADMIN, Gateway};
use super::quotas::ALL;

/// What is counted: everything, a literal prefix, one with a variable of the admin, and one beneath another.
const PREFIXES: [(&str, &str); 4] = [
    ("all", ""),
    ("a", "a"),
    ("own", "a/admin"),
    ("deep", "b/a/b"),
];

fn rules() -> String {
    let quota = |(name, prefix): (&str, &str)| {
        let (identities, prefix) = if name == "own" {
            ("identities = [\"{name}\"]\n", "a/{name}")
        } else {
            ("", prefix)
        };
        format!(
            "[[quota]]\nname = \"{name}\"\n{identities}beneath = [\"{prefix}\"]\nkeys = 1_000_000\nbytes = \"1GiB\"\n"
        )
    };
    format!("{ALL}{}", PREFIXES.map(quota).concat())
}

#[derive(Clone, Debug)]
enum Step {
    /// By Consul: a value of so many bytes.
    Put(String, usize),
    Delete(String),
    DeleteBeneath(String),
    /// In one transaction.
    Both(String, String),
    /// By etcd: a directory is made on the way.
    EtcdPut(String, usize),
    EtcdPost(String),
    EtcdDeleteTree(String),
    /// Bound to a session, which ends.
    Ephemeral(String),
}

fn key() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "admin"]);
    let end = prop::sample::select(vec!["", "", "/"]);
    (prop::collection::vec(segment, 1..5), end).prop_map(|(path, end)| path.join("/") + end)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (key(), 0..50_usize).prop_map(|(key, bytes)| Step::Put(key, bytes)),
        2 => key().prop_map(Step::Delete),
        1 => key().prop_map(Step::DeleteBeneath),
        2 => (key(), key()).prop_map(|(one, other)| Step::Both(one, other)),
        2 => (key(), 0..50_usize).prop_map(|(key, bytes)| Step::EtcdPut(key, bytes)),
        1 => key().prop_map(Step::EtcdPost),
        1 => key().prop_map(Step::EtcdDeleteTree),
        1 => key().prop_map(Step::Ephemeral),
    ]
}

/// Makes a change, which may be refused.
async fn make(gateway: &Gateway, step: &Step) {
    let consul = |what: String, body: String| async move {
        gateway.consul(ADMIN, &what, &body).await;
    };
    match step {
        Step::Put(key, bytes) => consul(format!("PUT kv/{key}"), "x".repeat(*bytes)).await,
        Step::Delete(key) => consul(format!("DELETE kv/{key}"), String::new()).await,
        Step::DeleteBeneath(key) => consul(format!("DELETE kv/{key}?recurse"), String::new()).await,
        Step::Both(one, other) => {
            let body = format!(
                "[{{\"KV\": {{\"Verb\": \"set\", \"Key\": \"{one}\", \"Value\": \"YQ==\"}}}}, \
                 {{\"KV\": {{\"Verb\": \"delete\", \"Key\": \"{other}\"}}}}]"
            );
            consul("PUT txn".to_owned(), body).await;
        }
        Step::EtcdPut(key, bytes) => {
            let form = format!("value={}", "x".repeat(*bytes));
            gateway.etcd(ADMIN, &format!("PUT /{key}"), &form).await;
        }
        Step::EtcdPost(key) => {
            gateway
                .etcd(ADMIN, &format!("POST /{key}"), "value=1")
                .await;
        }
        Step::EtcdDeleteTree(key) => {
            let what = format!("DELETE /{key}?recursive=true");
            gateway.etcd(ADMIN, &what, "").await;
        }
        Step::Ephemeral(key) => {
            let mut session = gateway.zookeeper(ADMIN).await;
            let path = format!("/{}", key.trim_end_matches('/'));
            let _may_be_there = session.create(&path, b"1", 1).await;
            session.close().await;
        }
    }
}

/// Compares every quota with what is there.
fn check(gateway: &Gateway, after: &dyn std::fmt::Debug) {
    let all = gateway.everything();
    for (name, prefix) in PREFIXES {
        let beneath = |key: &[u8]| {
            let rest = key.strip_prefix(prefix.as_bytes());
            rest.is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest[0] == b'/')
        };
        let own = all.iter().filter(|(key, _)| beneath(key));
        let counted = own.fold((0, 0), |(keys, bytes), (key, value)| {
            (keys + 1, bytes + key.len() + value)
        });
        for (resource, count) in [("keys", counted.0), ("bytes", counted.1)] {
            let metric =
                format!("kubekv_policy_quota_used{{quota=\"{name}\",resource=\"{resource}\"}}");
            let count = i64::try_from(count).unwrap();
            assert_eq!(
                gateway.metric(&metric),
                Some(count),
                "{metric} after {after:?}"
            );
        }
    }
}

async fn follow(gateway: &Gateway, steps: &[Step]) {
    for (number, step) in steps.iter().enumerate() {
        make(gateway, step).await;
        check(gateway, &step);
        // A policy that counts nothing, and then again everything, at a time when there is something.
        if number == 10 {
            gateway.rules(ALL);
            gateway.rules(&rules());
            // Who has not come since is in no count.
            make(gateway, &Step::Delete("none".to_owned())).await;
            check(gateway, &"another policy");
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_quota_counts_what_is_there(steps in prop::collection::vec(step(), 1..40)) {
        runtime().block_on(async {
            let store = Arc::new(MemoryStore::new());
            let gateway = Gateway::over(store, PolicyMode::Enforce, &rules()).await;
            follow(&gateway, &steps).await;
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, ..ProptestConfig::default() })]

    #[test]
    fn the_counts_are_right_after_a_restart(steps in prop::collection::vec(step(), 1..30)) {
        runtime().block_on(async {
            let directory = tempfile::tempdir().unwrap();
            let fatal = Arc::new(|line: String| panic!("{line}"));
            let options = EmbeddedOptions {
                reserve_bytes: 0,
                ..EmbeddedOptions::new(directory.path().join("data"), fatal)
            };
            for part in steps.chunks(steps.len().div_ceil(2)) {
                let store: Arc<dyn Store> = Arc::new(EmbeddedStore::new(options.clone()));
                let gateway = Gateway::over(store, PolicyMode::Enforce, &rules()).await;
                // The admin comes, so that the quota of its own is in the metrics.
                make(&gateway, &Step::Delete("none".to_owned())).await;
                check(&gateway, &"a start");
                follow(&gateway, part).await;
                gateway.space.close().await;
            }
        });
    }
}

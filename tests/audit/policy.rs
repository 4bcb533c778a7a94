//! Policies and the audit log: refusals that it tells of, and the policy that is learned from it.

use std::fs;

use support::command::run;
use support::until::until;
use support::zookeeper_client::ZooKeeperClient;

use crate::gateway::{Audited, MARKER, ask, having, lines, the_one};

/// What clients without a certificate may do.
fn rules(beneath: &str) -> String {
    format!(
        "[[rule]]\nname = \"open\"\nidentities = [\"anonymous\"]\nallow = [\"all\"]\nbeneath = [\"{beneath}\"]\n\n\
         [[rule]]\nname = \"shut\"\nidentities = [\"anonymous\"]\ndeny = [\"write\", \"cas\", \"delete\"]\nkey = [\"open/shut\"]\n"
    )
}

fn start(mode: &str) -> Audited {
    start_with(&rules("open"), mode)
}

fn start_with(rules: &str, mode: &str) -> Audited {
    let directory = tempfile::tempdir().unwrap();
    let policy = directory.path().join("policy.toml");
    fs::write(&policy, rules).unwrap();
    let log = directory.path().join("audit.log");
    let policy = policy.display().to_string();
    let options = ["--audit-reads", "--policy", &policy, "--policy-mode", mode];
    Audited::start_at(directory, log, &options)
}

#[test]
fn refusals_name_verb_key_and_rule() {
    let audited = start("enforce");
    let consul = audited.gateway.consul;
    assert_eq!(ask(consul, "PUT /v1/kv/open/shut", MARKER).1, "true");
    assert_eq!(ask(consul, "PUT /v1/kv/open/shut", MARKER).0, 403);
    assert_eq!(ask(consul, "PUT /v1/kv/other", MARKER).0, 403);
    assert_eq!(ask(consul, "GET /v1/kv/secret", "").0, 403);
    for tree in ["open/", "other/"] {
        assert_eq!(
            ask(consul, &format!("DELETE /v1/kv/{tree}?recurse"), "").0,
            403
        );
    }
    let policy = audited.path.with_file_name("policy.toml");
    fs::write(&policy, "this is none").unwrap();
    let of_policy = || having(&lines(&audited.path), &[("event", "policy")]);
    until("the bad one is told of", || of_policy().len() == 2);
    fs::write(&policy, rules("other")).unwrap();
    until("the next one is told of", || of_policy().len() == 3);
    let decisions: Vec<_> = of_policy()
        .iter()
        .map(|line| {
            assert_eq!(line["sha256"].as_str().unwrap().len(), 64, "{line}");
            line["decision"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(decisions, ["allowed", "refused", "allowed"]);
    let lines = audited.stop();
    let refused = |verb: &str, key: &str| {
        let fields = [("event", "refusal"), ("verb", verb), ("key", key)];
        let found = the_one(&lines, &fields);
        assert_eq!(found["decision"], "refused");
        assert_eq!(found["identity"], "anonymous");
        found
    };
    assert_eq!(refused("write", "open/shut")["rule"], "shut");
    assert!(refused("read", "secret").get("rule").is_none());
    // Of a tree it is told where in it that is refused.
    let tree = |prefix| {
        let fields = [("event", "refusal"), ("verb", "delete"), ("prefix", prefix)];
        let line = the_one(&lines, &fields);
        (line.get("rule").cloned(), line["why"].clone())
    };
    let denied = (
        Some("shut".into()),
        "the rule denies it with open/shut".into(),
    );
    assert_eq!(tree("open/"), denied);
    assert_eq!(tree("other/"), (None, "no rule allows it".into()));
    let other = having(&lines, &[("event", "refusal"), ("key", "other")]);
    assert!(!other.is_empty(), "{lines:#?}");
    the_one(&lines, &[("event", "write"), ("key", "open/shut")]);
    assert!(having(&lines, &[("event", "write"), ("key", "other")]).is_empty());
}

#[test]
fn what_a_quota_refuses_is_told_by_its_name() {
    let audited = start("enforce");
    let policy = audited.path.with_file_name("policy.toml");
    let quota = "\n[[quota]]\nname = \"few\"\nbeneath = [\"open\"]\nkeys = 1\n";
    fs::write(&policy, rules("open") + quota).unwrap();
    until("it is in force", || {
        having(&lines(&audited.path), &[("event", "policy")]).len() == 2
    });
    let consul = audited.gateway.consul;
    assert_eq!(ask(consul, "PUT /v1/kv/open/a", MARKER).1, "true");
    let (status, sentence) = ask(consul, "PUT /v1/kv/open/b", MARKER);
    assert_eq!(
        (status, sentence.as_str()),
        (413, "over quota 'few': it allows no more keys")
    );
    let lines = audited.stop();
    let refused = the_one(&lines, &[("event", "refusal"), ("key", "open/b")]);
    assert_eq!(refused["decision"], "refused");
    assert_eq!(refused["why"], sentence);
    assert!(refused.get("verb").is_none(), "{refused}");
    assert!(having(&lines, &[("event", "write"), ("key", "open/b")]).is_empty());
}

#[test]
fn what_would_be_refused_is_told_and_learned() {
    let audited = start("warn");
    let consul = audited.gateway.consul;
    assert_eq!(ask(consul, "PUT /v1/kv/wanted/key", MARKER).1, "true");
    assert_eq!(ask(consul, "GET /v1/kv/wanted/key", "").0, 200);
    let (_, session) = ask(consul, "PUT /v1/session/create", "{}");
    assert!(session.contains("ID"), "{session}");
    let path = audited.path.clone();
    until("it is written", || {
        having(&lines(&path), &[("verb", "session")]).len() >= 2
    });
    let told = having(
        &lines(&path),
        &[("decision", "would-refuse"), ("verb", "create")],
    );
    assert!(
        told.iter().any(|line| line["key"] == "wanted/key"),
        "{told:?}"
    );
    let learned = run(&["policy", "learn", path.to_str().unwrap()]);
    assert_eq!(learned.code, 0, "{learned:?}");
    let policy = path.with_extension("toml");
    fs::write(&policy, learned.text()).unwrap();
    let policy = policy.to_str().unwrap();
    assert_eq!(
        run(&["policy", "check", policy]).code,
        0,
        "{}",
        learned.text()
    );
    let explain =
        |words: &[&str]| run(&[&["policy", "explain", policy, "anonymous"], words].concat()).code;
    assert_eq!(explain(&["create", "wanted/key"]), 0, "{}", learned.text());
    assert_eq!(explain(&["read", "wanted/key"]), 0);
    assert_eq!(explain(&["session"]), 0);
    assert_eq!(explain(&["delete", "wanted/key"]), 1);
    assert_eq!(explain(&["read", "other"]), 1);
    let nothing = run(&["policy", "learn", policy]);
    assert_eq!(nothing.code, 1, "{nothing:?}");
    assert_eq!(run(&["policy", "learn", "/none/audit.log"]).code, 8);
    audited.stop();
}

#[test]
fn a_watch_that_is_refused_is_recorded_as_that_alone() {
    let session =
        "[[rule]]\nname = \"session\"\nidentities = [\"anonymous\"]\nsessions = \"own\"\n";
    let audited = start_with(&(rules("open") + session), "enforce");
    let mut client = ZooKeeperClient::begin(audited.gateway.zookeeper(), 30_000);
    assert_eq!(client.try_add_watch("/open"), None);
    assert!(client.try_add_watch("/secret").is_some());
    client.set_watches_again(&["/open/again", "/secret/again"]);
    let lines = audited.stop();
    let decisions = |key: &str| {
        let of_key = lines.iter().filter(|line| {
            let named = line.get("key").or(line.get("prefix"));
            named.is_some_and(|named| named.as_str().unwrap().starts_with(key))
        });
        let decisions = of_key.map(|line| line["decision"].as_str().unwrap());
        decisions.collect::<Vec<_>>()
    };
    assert_eq!(decisions("open"), ["allowed", "allowed"], "{lines:#?}");
    let secret = decisions("secret");
    assert!(
        !secret.is_empty() && secret.iter().all(|one| *one == "refused"),
        "{lines:#?}"
    );
}

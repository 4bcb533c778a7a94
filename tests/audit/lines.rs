//! The lines: one for each change, login, refusal and end of a session, and for reads by option.

use rustix::process::Signal;
use serde_json::Value;
use support::requests::{send, send_body};
use support::until::until;
use support::zookeeper_client::{PERSISTENT, SEQUENTIAL, ZooKeeperClient};

use crate::gateway::{Audited, MARKER, ask, having, lines, the_one};

fn put(audited: &Audited, what: &str) {
    let line = format!("PUT /v1/kv/{what}");
    let (status, body) = ask(audited.gateway.consul, &line, MARKER);
    assert_eq!((status, body.as_str()), (200, "true"), "{what}");
}

#[test]
fn consul_changes_have_a_line_each_with_their_index() {
    let audited = Audited::start(&[]);
    let consul = audited.gateway.consul;
    put(&audited, &format!("a?token={MARKER}"));
    put(&audited, "a");
    let (_, session) = ask(consul, "PUT /v1/session/create", "{}");
    let session: Value = serde_json::from_str(&session).unwrap();
    let session = session["ID"].as_str().unwrap();
    put(&audited, &format!("lock?acquire={session}"));
    let txn = format!(
        r#"[{{"KV":{{"Verb":"set","Key":"t1","Value":"{0}"}}}},{{"KV":{{"Verb":"set","Key":"t2","Value":"{0}"}}}}]"#,
        "cHNzc3QtbWFya2Vy"
    );
    assert_eq!(ask(consul, "PUT /v1/txn", &txn).0, 200);
    assert_eq!(ask(consul, "DELETE /v1/kv/a", "").0, 200);
    // Nothing is changed by these.
    assert_eq!(ask(consul, "DELETE /v1/kv/none", "").1, "true");
    assert_eq!(ask(consul, "PUT /v1/kv/t1?cas=1", MARKER).1, "false");
    assert_eq!(ask(consul, "GET /v1/kv/t1", "").0, 200);
    let end = format!("PUT /v1/session/destroy/{session}");
    assert_eq!(ask(consul, &end, "").1, "true");
    let lines = audited.stop();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let field = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            (field("event"), field("verb"), field("key"))
        })
        .collect();
    let told_of =
        |event: &str, verb: &str, key: &str| (event.to_owned(), verb.to_owned(), key.to_owned());
    let write = |verb: &str, key: &str| told_of("write", verb, key);
    assert_eq!(
        told,
        [
            write("create", "a"),
            write("write", "a"),
            write("session", "-"),
            write("lock", "lock"),
            write("create", "t1"),
            write("create", "t2"),
            write("delete", "a"),
            told_of("session-end", "session", "-"),
        ]
    );
    for line in &lines {
        assert_eq!(line["identity"], "anonymous", "{line}");
        assert_eq!(line["proof"], "anonymous", "{line}");
        assert_eq!(line["face"], "consul", "{line}");
        assert_eq!(line["decision"], "allowed", "{line}");
        assert!(line["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    }
    let index = |at: usize| lines[at]["index"].as_u64().unwrap();
    assert!(
        (0..7).all(|at| index(at) < index(at + 1) || at == 4),
        "{lines:?}"
    );
    assert_eq!((index(4), &lines[4]["id"]), (index(5), &lines[5]["id"]));
    assert_ne!(lines[0]["id"], lines[1]["id"]);
    assert_eq!(lines[7]["session"], session);
    assert_eq!(lines[7]["changes"], 1);
}

/// A renewal is recorded as the write that its client asked for, at the index that the entry has.
#[test]
fn heartbeats_of_hosts_at_rest_have_a_line_each() {
    let audited = Audited::start(&[]);
    let beat = || {
        let form = format!("ttl=60&value={MARKER}");
        let (status, body) = ask(audited.gateway.etcd, "PUT /v2/keys/docker/nodes/a", &form);
        assert!(status < 300, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        answer["node"]["modifiedIndex"].as_u64().unwrap()
    };
    let indexes: Vec<u64> = (0..5).map(|_| beat()).collect();
    assert_eq!(indexes.last(), indexes.get(1), "they are renewals");
    let lines = audited.stop();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["verb"].as_str().unwrap(),
                line["index"].as_u64().unwrap(),
            )
        })
        .collect();
    let verbs = ["create", "write", "write", "write", "write"];
    let expected: Vec<_> = verbs.into_iter().zip(indexes).collect();
    assert_eq!(told, expected);
}

#[test]
fn etcd_changes_and_trees_have_their_lines() {
    let audited = Audited::start(&[]);
    let etcd = audited.gateway.etcd;
    let form = format!("value={MARKER}");
    let set = |line: &str| {
        let (status, body) = ask(etcd, line, &form);
        assert!(status < 300, "{line}: {body}");
        serde_json::from_str::<Value>(&body).unwrap()
    };
    set("PUT /v2/keys/d/a%5C?prevExist=false");
    let made = set("POST /v2/keys/queue");
    set("DELETE /v2/keys/queue?recursive=true");
    for number in 0..300 {
        set(&format!("PUT /v2/keys/many/k{number}"));
    }
    set("DELETE /v2/keys/many?recursive=true");
    let (status, _) = ask(etcd, "PUT /v2/keys/d?prevExist=false", &form);
    assert!(status >= 400);
    let lines = audited.stop();
    assert!(!having(&lines, &[("verb", "delete"), ("prefix", "queue/")]).is_empty());
    // What is implied by it has no line: the directories above.
    let created = the_one(&lines, &[("verb", "create"), ("key", r"d/a\\")]);
    assert_eq!(created["face"], "etcd");
    let key = made["node"]["key"].as_str().unwrap();
    let in_order = the_one(
        &lines,
        &[("key", key.trim_start_matches('/')), ("verb", "create")],
    );
    assert_eq!(in_order["index"], made["node"]["createdIndex"]);
    the_one(
        &lines,
        &[("key", key.trim_start_matches('/')), ("verb", "delete")],
    );
    let tree = the_one(&lines, &[("verb", "delete"), ("prefix", "many/k")]);
    assert!(tree["changes"].as_u64().unwrap() >= 300, "{tree}");
    assert!(lines.iter().all(|line| line["key"] != "d"));
}

#[test]
fn zookeeper_sessions_identities_changes_and_refusals_have_their_lines() {
    let audited = Audited::start(&[]);
    let to = audited.gateway.zookeeper();
    let mut owner = ZooKeeperClient::begin(to, 30_000);
    owner.authenticate("digest", &format!("me:{MARKER}"));
    owner.create_private("/own");
    owner.create("/s-", SEQUENTIAL);
    owner.set("/own", MARKER);
    let mut other = ZooKeeperClient::begin(to, 30_000);
    other.authenticate("digest", MARKER);
    assert!(other.try_set("/own", MARKER, 1).is_some());
    assert!(other.try_get("/own").is_some());
    other.create("/free", PERSISTENT);
    owner.close();
    let lines = audited.stop();
    assert!(lines.iter().all(|line| line["face"] == "zookeeper"));
    let session =
        |at: usize| having(&lines, &[("event", "login"), ("verb", "session")])[at].clone();
    let ended = the_one(&lines, &[("event", "session-end")]);
    assert_eq!(ended["session"], session(0)["session"]);
    assert_ne!(ended["session"], session(1)["session"]);
    the_one(&lines, &[("event", "login"), ("how", "digest me")]);
    the_one(&lines, &[("event", "login"), ("how", "digest")]);
    the_one(&lines, &[("verb", "create"), ("key", "own")]);
    the_one(&lines, &[("verb", "create"), ("key", "s-0000000001")]);
    the_one(
        &lines,
        &[("event", "write"), ("verb", "write"), ("key", "own")],
    );
    the_one(&lines, &[("verb", "create"), ("key", "free")]);
    for verb in ["cas", "read"] {
        let refused = the_one(&lines, &[("event", "refusal"), ("verb", verb)]);
        assert_eq!(
            (&refused["key"], &refused["decision"]),
            (&"own".into(), &"refused".into())
        );
        assert!(refused["why"].as_str().unwrap().contains("access list"));
    }
}

#[test]
fn reads_have_lines_by_option_alone() {
    let audited = Audited::start(&["--audit-reads"]);
    put(&audited, "a/b");
    let [consul, etcd] = [audited.gateway.consul, audited.gateway.etcd];
    ask(consul, "GET /v1/kv/a/b", "");
    ask(consul, "GET /v1/kv/a?recurse", "");
    ask(consul, "GET /v1/kv/none?index=1&wait=10ms", "");
    ask(consul, "GET /v1/session/list", "");
    let txn = r#"[{"KV":{"Verb":"get","Key":"a/b"}},{"KV":{"Verb":"get-tree","Key":"a"}}]"#;
    assert_eq!(ask(consul, "PUT /v1/txn", txn).0, 200);
    ask(etcd, "GET /v2/keys/a?recursive=true", "");
    ask(etcd, "GET /v2/keys/none", "");
    ask(etcd, "GET /v2/keys/a/b?wait=true&waitIndex=1", "");
    let mut client = ZooKeeperClient::begin(audited.gateway.zookeeper(), 30_000);
    client.stat("/a");
    client.watch_children("/a");
    let lines = audited.stop();
    let reads = having(&lines, &[("event", "read")]);
    let told: Vec<_> = reads
        .iter()
        .map(|line| {
            let field = |name: &str| line[name].as_str().unwrap_or("-");
            assert!(line["index"].is_u64(), "{line}");
            format!("{} {} {}", field("face"), field("verb"), field("key"))
        })
        .collect();
    let wanted = [
        "consul read a/b",
        "consul list a",
        "consul watch none",
        "consul session -",
        "consul read a/b",
        "consul list a",
        "etcd list a",
        "etcd read none",
        "etcd watch a/b",
        "zookeeper read a",
        "zookeeper watch a",
    ];
    assert_eq!(told, wanted);
}

#[test]
fn a_session_that_runs_out_has_its_line() {
    let audited = Audited::start(&[]);
    let client = ZooKeeperClient::begin(audited.gateway.zookeeper(), 4_000);
    drop(client);
    let ended = || having(&lines(&audited.path), &[("event", "session-end")]);
    until("the session ends", || !ended().is_empty());
    assert_eq!(ended()[0]["identity"], "(gateway)");
    assert_eq!(ended()[0]["owner"], "anonymous");
    audited.stop();
}

#[test]
fn a_client_that_hangs_up_is_told_of_as_any_other() {
    let audited = Audited::start(&[]);
    let consul = audited.gateway.consul;
    for number in 0..50 {
        drop(send_body(
            consul,
            &format!("PUT /v1/kv/k{number}"),
            "",
            MARKER,
        ));
    }
    let keys = || {
        let (_, body) = ask(consul, "GET /v1/kv/?keys", "");
        serde_json::from_str::<Vec<String>>(&body).unwrap_or_default()
    };
    // Requests that were cut off are not made; what is made is in the log.
    drop(send(consul, "GET /v1/status/leader"));
    audited.gateway.signal(Signal::CONT);
    let made = keys();
    let lines = audited.stop();
    for key in made {
        the_one(&lines, &[("event", "write"), ("key", &key)]);
    }
}

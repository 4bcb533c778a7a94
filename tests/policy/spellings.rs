//! Random policies and random operations in every spelling: nothing is shown or changed that the policy does not allow.
//!
//! The policy itself is asked what it allows, and the state is read by the operator. Each operation is sent to twins, too: in one
//! of them the keys that may not be read exist, in the other they were deleted. Both answer alike.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubekv::guard::policy::{Proofs, Rights};
use kubekv::model::Verb;
use kubekv::wire::zookeeper::{AddWatchRequest, MultiOperation, MultiRequest, NodePath, OpCode};

use super::gateway::{ADMIN, Answer, Gateway, ME, certificate, policy, rule};
use super::zookeeper_client::{Client, create_of, data_of, versioned, watchable};

/// The keys that there may be.
const KEYS: [&str; 8] = ["a", "a/b", "a/b/c", "a/bc", "d", "d/e", "d/e/f", "g"];

const VERBS: [&str; 8] = [
    "read", "list", "watch", "create", "write", "cas", "delete", "lock",
];

const POLICIES: u64 = 60;
const OPERATIONS: usize = 40;

fn one<'a>(random: &mut fastrand::Rng, all: &[&'a str]) -> &'a str {
    all[random.usize(..all.len())]
}

/// Random rules about a client.
fn rules(random: &mut fastrand::Rng) -> String {
    let count = random.usize(1..5);
    let body = |random: &mut fastrand::Rng, place: usize| {
        let kind = if place > 0 && random.u8(..4) == 0 {
            "deny"
        } else {
            "allow"
        };
        let verbs: Vec<String> = if kind == "allow" && random.u8(..3) == 0 {
            vec!["\"all\"".to_owned()]
        } else {
            let chosen = VERBS.iter().filter(|_| random.bool());
            let mut chosen: Vec<String> = chosen.map(|verb| format!("{verb:?}")).collect();
            chosen.push("\"read\"".to_owned());
            chosen.dedup();
            chosen.sort_unstable();
            chosen.dedup();
            chosen
        };
        let scope = one(random, &["beneath", "key", "beneath"]);
        let mut subject = one(random, &KEYS);
        if scope == "beneath" && random.u8(..6) == 0 {
            subject = "";
        }
        format!("{kind} = [{}]\n{scope} = [\"{subject}\"]", verbs.join(", "))
    };
    let mut all = rule("sessions", "sessions = \"own\"");
    for place in 0..count {
        all += &rule(&format!("r{place}"), &body(random, place));
    }
    all
}

fn value(key: &str) -> String {
    format!("value-of-{}-end", key.replace('/', "."))
}

/// A gateway with every key; of those that may not be read, each exists or was deleted.
async fn gateway(rules: &str, rights: &Rights, hidden_exist: bool) -> Gateway {
    let gateway = Gateway::start(rules).await;
    for key in KEYS {
        gateway.set(key, &value(key)).await;
        if rights.decide(Verb::Read, key.as_bytes()).allowed {
            continue;
        }
        // The same number of commits.
        if hidden_exist {
            gateway.set(key, &value(key)).await;
        } else {
            gateway.consul(ADMIN, &format!("DELETE kv/{key}"), "").await;
        }
    }
    gateway
}

#[derive(Clone, Debug)]
enum Operation {
    Consul(String, String),
    Etcd(String, String),
}

/// A key in one of the spellings that a URL has for it, and names near it.
fn spelled(random: &mut fastrand::Rng) -> String {
    let key = one(random, &KEYS);
    match random.u8(..9) {
        0 => format!("{key}/"),
        1 => key.replace('/', "//"),
        2 => key.replace('/', "%2F"),
        3 => key.replace('b', "%62").replace('e', "%65"),
        4 => format!("{key}/new"),
        5 => format!("{key}x"),
        6 => format!("{key}//"),
        _ => key.to_owned(),
    }
}

fn consul(random: &mut fastrand::Rng) -> Operation {
    let key = spelled(random);
    let index = random.u8(..14);
    let put = [
        "",
        "?cas=0",
        "?cas=INDEX",
        "?acquire=SESSION",
        "?release=SESSION",
        "?flags=7",
    ];
    let get = [
        "",
        "?raw",
        "?recurse",
        "?keys",
        "?keys&separator=/",
        "?recurse&index=1&wait=1ms",
        "?index=1&wait=1ms",
    ];
    let delete = ["", "?recurse", "?cas=INDEX"];
    let filled = |text: &str| text.replace("INDEX", &index.to_string());
    let (what, body) = match random.u8(..8) {
        0 | 1 => (format!("GET kv/{key}{}", one(random, &get)), String::new()),
        2 | 3 => (
            format!("PUT kv/{key}{}", one(random, &put)),
            "mine".to_owned(),
        ),
        4 => (
            format!("DELETE kv/{key}{}", one(random, &delete)),
            String::new(),
        ),
        5 => (
            format!("GET kv/?{}", one(random, &["keys", "recurse"])),
            String::new(),
        ),
        _ => ("PUT txn".to_owned(), transaction(random)),
    };
    Operation::Consul(filled(&what), filled(&body))
}

/// The operations of a transaction.
fn transaction(random: &mut fastrand::Rng) -> String {
    const ALL: [&str; 12] = [
        "get",
        "get-tree",
        "set",
        "cas",
        "delete",
        "delete-cas",
        "delete-tree",
        "lock",
        "unlock",
        "check-index",
        "check-not-exists",
        "check-session",
    ];
    let key = one(random, &KEYS);
    let ops = [one(random, &ALL), one(random, &ALL)].map(|verb| {
        let key = if random.bool() { key } else { one(random, &KEYS) };
        format!(
            r#"{{"KV":{{"Verb":"{verb}","Key":"{key}","Value":"bWluZQ==","Index":INDEX,"Session":"SESSION"}}}}"#
        )
    });
    format!("[{}]", ops.join(","))
}

fn etcd(random: &mut fastrand::Rng) -> Operation {
    let key = spelled(random);
    let index = random.u8(1..14).to_string();
    let get = [
        "",
        "?recursive=true",
        "?quorum=true&wait=true",
        "?sorted=true",
    ];
    let put = [
        "value=mine",
        "value=mine&prevExist=true",
        "value=mine&prevExist=false",
        "value=mine&prevValue=guess",
        "value=mine&prevIndex=INDEX",
        "dir=true",
        "dir=true&prevExist=true",
        "dir=true&ttl=1000",
        "dir=true&ttl=1000&prevExist=true",
        "refresh=true&ttl=1000&prevExist=true",
        "value=mine&ttl=1000",
    ];
    let delete = [
        "",
        "?recursive=true",
        "?dir=true",
        "?prevIndex=INDEX",
        "?prevValue=guess",
    ];
    let (what, form) = match random.u8(..8) {
        0 | 1 => (format!("GET /{key}{}", one(random, &get)), ""),
        2..=4 => (format!("PUT /{key}"), one(random, &put)),
        5 => (format!("POST /{key}"), "value=mine"),
        6 => (format!("DELETE /{key}{}", one(random, &delete)), ""),
        _ => (
            format!("GET /{}", one(random, &["", "?recursive=true"])),
            "",
        ),
    };
    Operation::Etcd(what.replace("INDEX", &index), form.replace("INDEX", &index))
}

async fn ask(gateway: &Gateway, operation: &Operation, session: &str) -> Answer {
    let filled = |text: &str| text.replace("SESSION", session);
    let answer = match operation {
        Operation::Consul(what, body) => gateway.consul(ME, &filled(what), &filled(body)).await,
        Operation::Etcd(what, form) => gateway.etcd(ME, what, form).await,
    };
    Answer {
        body: without_times(&answer.body.replace(session, "SESSION")),
        headers: answer
            .headers
            .into_iter()
            .filter(|(name, _)| name != "content-length")
            .collect(),
        ..answer
    }
}

/// A body without what counts down.
fn without_times(body: &str) -> String {
    let mut text = body.to_owned();
    for field in ["\"expiration\":\"", "\"ttl\":"] {
        while let Some(at) = text.find(field) {
            let rest = &text[at + field.len()..];
            let end = rest.find([',', '}']).unwrap_or(rest.len());
            text.replace_range(at..at + field.len() + end, "\"\"");
        }
    }
    text
}

/// Fails where a change is not one that the rights allow.
fn check_changes(
    rights: &Rights,
    before: &BTreeMap<String, (Vec<u8>, u64)>,
    after: &BTreeMap<String, (Vec<u8>, u64)>,
    what: &str,
) {
    let keys = before.keys().chain(after.keys());
    for key in keys {
        let verbs: &[Verb] = match (before.get(key), after.get(key)) {
            (None, Some(_)) => &[Verb::Create, Verb::Lock],
            (Some(_), None) => &[Verb::Delete],
            (Some(before), Some(after)) if before != after => &[Verb::Write, Verb::Cas, Verb::Lock],
            (Some(_), Some(_)) | (None, None) => continue,
        };
        let allows = |verb: &Verb| rights.decide(*verb, key.as_bytes()).allowed;
        assert!(verbs.iter().any(allows), "{what} changed {key}");
        assert!(
            allows(&Verb::Read),
            "{what} changed {key}, which may not be read"
        );
    }
}

/// Fails where a value is shown that may not be read.
fn check_shown(rights: &Rights, body: &str, what: &str) {
    for key in KEYS {
        if !rights.decide(Verb::Read, key.as_bytes()).allowed {
            let value = value(key);
            let encoded = STANDARD.encode(&value);
            let is_shown = body.contains(&value) || body.contains(&encoded);
            assert!(!is_shown, "{what} showed {key}: {body}");
        }
    }
}

fn rights_of(rules: &str) -> Rights {
    let policy = policy(rules);
    let proofs = Proofs::of_certificate(certificate(ME));
    let identity = policy.identify(&proofs, [127, 0, 0, 1].into());
    policy.rights(&identity)
}

#[tokio::test]
async fn no_spelling_of_a_request_finds_a_way_around() {
    let (mut changed, mut shown, mut refused) = (0, 0, 0);
    for seed in 0..POLICIES {
        let random = &mut fastrand::Rng::with_seed(seed);
        let rules = rules(random);
        let rights = rights_of(&rules);
        let twins = [
            gateway(&rules, &rights, true).await,
            gateway(&rules, &rights, false).await,
        ];
        let sessions = [twins[0].session(ME).await, twins[1].session(ME).await];
        for _ in 0..OPERATIONS {
            let operation = if random.bool() {
                consul(random)
            } else {
                etcd(random)
            };
            let what = format!("seed {seed}: {operation:?}, by {rules}");
            let before = twins[0].state();
            let one = ask(&twins[0], &operation, &sessions[0]).await;
            let other = ask(&twins[1], &operation, &sessions[1]).await;
            let after = twins[0].state();
            check_changes(&rights, &before, &after, &what);
            changed += usize::from(after != before);
            shown += usize::from(one.status == 200 && one.body.contains("value-of-"));
            refused += usize::from([401, 403].contains(&one.status));
            check_shown(&rights, &one.body, &what);
            assert_eq!(one, other, "{what}: what is hidden makes a difference");
        }
    }
    // Of all three there is enough.
    assert!(
        changed > 100 && shown > 20 && refused > 300,
        "{changed} {shown} {refused}"
    );
}

/// Sends one request of ZooKeeper's about a node; its operation and number.
async fn send(random: &mut fastrand::Rng, client: &mut Client, path: &str) -> (OpCode, i32) {
    let (version, flags) = (random.i32(-1..2), random.i32(0..4));
    let node = NodePath(path.to_owned());
    let op = [
        OpCode::GetData,
        OpCode::GetChildren2,
        OpCode::Exists,
        OpCode::SetData,
        OpCode::Create2,
        OpCode::Delete,
        OpCode::Multi,
        OpCode::GetAcl,
        OpCode::AddWatch,
        OpCode::GetAllChildrenNumber,
    ][random.usize(..10)];
    let other = format!("/{}", one(random, &KEYS));
    let sent = if op == OpCode::GetData {
        client.send(op, &watchable(path, false)).await
    } else if op == OpCode::GetChildren2 || op == OpCode::Exists {
        client.send(op, &watchable(path, true)).await
    } else if op == OpCode::SetData {
        client.send(op, &data_of(path, b"mine", version)).await
    } else if op == OpCode::Create2 {
        client
            .send(op, &create_of(path, Some(b"mine"), flags))
            .await
    } else if op == OpCode::Delete {
        client.send(op, &versioned(path, version)).await
    } else if op == OpCode::Multi {
        let steps = vec![
            MultiOperation::Check(versioned(path, version)),
            MultiOperation::SetData(data_of(&other, b"mine", -1)),
            MultiOperation::Delete(versioned(path, version)),
        ];
        client.send(op, &MultiRequest(steps)).await
    } else if op == OpCode::AddWatch {
        let (path, mode) = (path.to_owned(), random.i32(0..2));
        client.send(op, &AddWatchRequest { path, mode }).await
    } else {
        client.send(op, &node).await
    };
    (op, sent)
}

#[tokio::test]
async fn no_request_of_zookeepers_finds_a_way_around() {
    for seed in 0..POLICIES {
        let random = &mut fastrand::Rng::with_seed(1_000 + seed);
        let rules = rules(random);
        let rights = rights_of(&rules);
        let gateway = gateway(&rules, &rights, true).await;
        let mut client = gateway.zookeeper(ME).await;
        for _ in 0..OPERATIONS {
            let mut path = format!("/{}", one(random, &KEYS));
            if random.u8(..4) == 0 {
                path += "/new";
            }
            let before = gateway.state();
            let (op, sent) = send(random, &mut client, &path).await;
            let what = format!("seed {seed}: {op:?} {path}, by {rules}");
            let (header, body) = client.reply().await.unwrap();
            assert_eq!(header.xid, sent, "{what}");
            check_changes(&rights, &before, &gateway.state(), &what);
            check_shown(&rights, &String::from_utf8_lossy(&body), &what);
        }
        // Others change everything; only what may be watched is told.
        client.events.clear();
        for key in KEYS {
            gateway.set(key, "changed").await;
        }
        for (_, path) in client.told().await {
            let key = path.strip_prefix('/').unwrap();
            let beneath = KEYS.iter().filter(|own| own.starts_with(key));
            let mut watched = beneath.map(|own| rights.decide(Verb::Watch, own.as_bytes()).allowed);
            let is_watched = watched.any(|allowed| allowed);
            assert!(is_watched, "seed {seed}: told of {path}, by {rules}");
        }
    }
}

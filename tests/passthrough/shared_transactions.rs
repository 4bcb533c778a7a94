//! Commits that share transactions of etcd: nothing is lost, nothing is numbered twice, and one refused commit concerns no other.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use rustix::process::Signal;
use serde_json::Value;

use crate::gateway::{leading, metric, put, start, until, until_ready};
use support::etcd_member::Member;
use support::requests::{answer_or_reset, ask, send, send_body};
use support::running::Running;

/// As many as a transaction takes at most.
const CLIENTS: usize = 64;

/// Clients that write keys of their own over and over, each its next one when it was answered.
struct Hammer {
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Hammer {
    fn start(gateway: &Running) -> Self {
        let (over, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let clients = (0..CLIENTS).map(|client| {
            let to = gateway.consul;
            let (over, acknowledged) = (Arc::clone(&over), Arc::clone(&acknowledged));
            std::thread::spawn(move || {
                let mut own = Vec::new();
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    let key = format!("w/{client}/{number}");
                    if !is_put(to, &key) {
                        break;
                    }
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                    own.push(key);
                }
                own
            })
        });
        let clients = clients.collect();
        Self {
            over,
            acknowledged,
            clients,
        }
    }

    fn until_acknowledged(&self, count: usize) {
        until("writes", || {
            self.acknowledged.load(Ordering::Relaxed) >= count
        });
    }

    /// Stops them; the keys that were acknowledged.
    fn end(self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        let all = self.clients.into_iter();
        all.flat_map(|client| client.join().unwrap()).collect()
    }
}

fn is_put(to: SocketAddr, key: &str) -> bool {
    let answer = answer_or_reset(send_body(to, &format!("PUT /v1/kv/{key}"), "", key));
    answer.starts_with("HTTP/1.1 200") && answer.ends_with("true")
}

/// The entries beneath a prefix, each with its index.
fn entries(gateway: &Running, prefix: &str) -> HashMap<String, u64> {
    let answer = ask(gateway.consul, &format!("GET /v1/kv/{prefix}?recurse"));
    let body = answer.split("\r\n\r\n").nth(1).unwrap();
    let all: Vec<Value> =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    let one = |entry: &Value| {
        let key = entry["Key"].as_str().unwrap().to_owned();
        (key, entry["ModifyIndex"].as_u64().unwrap())
    };
    all.iter().map(one).collect()
}

/// The revisions of the keys beneath a prefix, as etcd has them.
fn revisions(member: &Member, prefix: &str) -> Vec<u64> {
    let listed = member
        .ctl(&["get", "--prefix", prefix, "--keys-only", "-w", "json"])
        .unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let all = listed["kvs"].as_array().unwrap().iter();
    all.map(|key| key["mod_revision"].as_u64().unwrap())
        .collect()
}

fn are_distinct(indexes: impl IntoIterator<Item = u64>) -> bool {
    let mut seen = HashSet::new();
    indexes.into_iter().all(|index| seen.insert(index))
}

/// A stream of etcd v2's events beneath a directory: their indexes, until this one came.
fn watched(mut stream: std::net::TcpStream, last: u64) -> Vec<u64> {
    let (mut text, mut part) = (Vec::new(), vec![0; 65_536]);
    loop {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&text);
        // The node of each event comes first.
        let events = text.split("{\"action\"").skip(1).filter_map(|event| {
            let index = event.split("\"modifiedIndex\":").nth(1)?;
            let digits = index.split(|byte: char| !byte.is_ascii_digit()).next()?;
            index
                .len()
                .gt(&digits.len())
                .then(|| digits.parse().unwrap())
        });
        let events: Vec<u64> = events.collect();
        if events.contains(&last) {
            return events;
        }
    }
}

fn commits_share_transactions(component: &str) {
    let member = Member::start(component);
    let gateway = leading(&member.store("p"), &[]);
    let stream = send(
        gateway.etcd,
        "GET /v2/keys/w?wait=true&recursive=true&stream=true",
    );
    until("watching", || {
        metric(&gateway, "kubekv_face_in_flight{face=\"etcd\"}") == 1
    });
    let hammer = Hammer::start(&gateway);
    hammer.until_acknowledged(2_000);
    let acknowledged = hammer.end();
    let there = entries(&gateway, "w/");
    assert!(acknowledged.iter().all(|key| there.contains_key(key)));
    assert!(
        are_distinct(there.values().copied()),
        "an index of two commits"
    );
    let keys = revisions(&member, "p/w/");
    assert!(
        !are_distinct(keys.iter().copied()),
        "no two commits shared a transaction"
    );
    // Who watches gets each commit by itself, in the order of indexes.
    let last = *there.values().max().unwrap();
    let events = watched(stream, last);
    assert!(events.is_sorted_by(|one, next| one < next), "{events:?}");
    assert_eq!(events.len(), there.len());
    // So does a gateway that begins with a list.
    assert_eq!(gateway.stop().code, 0);
    let next = leading(&member.store("p"), &[]);
    assert_eq!(entries(&next, "w/"), there);
    assert_eq!(next.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn commits_share_transactions_of_etcd_3_4() {
    commits_share_transactions("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn commits_share_transactions_of_etcd_3_6() {
    commits_share_transactions("etcd-3.6");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn standby_numbers_what_a_killed_leader_had_on_its_way_as_etcd_has_it() {
    let member = Member::start("etcd-3.6");
    let first = leading(&member.store("p"), &[]);
    let second = start(&member.store("p"), "second", &[]);
    let hammer = Hammer::start(&first);
    hammer.until_acknowledged(500);
    let before = entries(&first, "w/");
    hammer.until_acknowledged(1_000);
    first.signal(Signal::KILL);
    let _ended = first.end();
    let acknowledged = hammer.end();
    until_ready(&second);
    let there = entries(&second, "w/");
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|key| !there.contains_key(*key))
        .collect();
    assert!(lost.is_empty(), "{lost:?}");
    assert!(are_distinct(there.values().copied()));
    // It watched them; the leader decided them.
    assert!(
        before
            .iter()
            .all(|(key, index)| there.get(key) == Some(index))
    );
    put(&second, "after", "v");
    let after = entries(&second, "after")["after"];
    assert!(there.values().all(|index| *index < after));
    // A third one lists them.
    second.signal(Signal::KILL);
    let _ended = second.end();
    let third = leading(&member.store("p"), &[]);
    assert_eq!(entries(&third, "w/"), there);
    assert_eq!(third.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn etcd_that_takes_few_operations_gets_smaller_transactions() {
    let member = Member::start_with("etcd-3.6", "http", &["--max-txn-ops", "16"]);
    let gateway = leading(&member.store("p"), &[]);
    let hammer = Hammer::start(&gateway);
    hammer.until_acknowledged(1_000);
    let acknowledged = hammer.end();
    let there = entries(&gateway, "w/");
    assert!(acknowledged.iter().all(|key| there.contains_key(key)));
    assert!(are_distinct(there.values().copied()));
    assert_eq!(gateway.stop().code, 0);
}

/// Clients delete and create keys that someone else changes by hand: what one loses to that concerns no other.
#[test]
#[ignore = "needs etcd: tests/run"]
fn refused_commit_takes_no_other_along() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    let over = Arc::<AtomicBool>::default();
    let by_hand = {
        let (over, address) = (Arc::clone(&over), member.address());
        let control = support::components::component("etcd-3.6").join("etcdctl");
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                for key in ["p/t/0", "p/t/1", "p/t/2"] {
                    let endpoint = format!("--endpoints={address}");
                    let done = std::process::Command::new(&control)
                        .args([&endpoint, "put", key, "by hand"])
                        .output();
                    assert!(done.unwrap().status.success());
                }
            }
        })
    };
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let to = gateway.consul;
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let key = format!("t/{client}");
                    assert!(is_put(to, &key), "{key}");
                    let deleted =
                        answer_or_reset(send_body(to, &format!("DELETE /v1/kv/{key}"), "", ""));
                    assert!(deleted.ends_with("true"), "{deleted}");
                    let kept = format!("u/{client}");
                    assert!(is_put(to, &kept), "{kept}");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    over.store(true, Ordering::Relaxed);
    by_hand.join().unwrap();
    let there = entries(&gateway, "u/");
    assert_eq!(there.len(), CLIENTS);
    assert!(are_distinct(there.values().copied()));
    let left: Vec<_> = revisions_or_none(&member, "p/t/");
    assert!(
        left.len() <= 3,
        "only what was put by hand afterwards: {left:?}"
    );
    assert_eq!(gateway.stop().code, 0);
}

fn revisions_or_none(member: &Member, prefix: &str) -> Vec<u64> {
    let count = member
        .ctl(&["get", "--prefix", prefix, "--keys-only"])
        .unwrap();
    if count.trim().is_empty() {
        return Vec::new();
    }
    revisions(member, prefix)
}

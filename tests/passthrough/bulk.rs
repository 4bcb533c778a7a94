//! Bulk changes: requests that change more entries than one list of an etcd transaction takes, atomically as in Consul.

use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::gateway::{leading, until};
use support::components::component;
use support::etcd_member::Member;
use support::requests::ask;
use support::requests::ask_body;

/// The number of entries a session locks.
const LOCKS: usize = 200;

/// The number of entries deleted with their directory.
const TREE: usize = 500;

/// A real Consul; it ends with the test.
struct Consul {
    process: Child,
    address: SocketAddr,
}

impl Consul {
    fn start() -> Self {
        let free = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap()
        };
        let (address, server, serf) = (free(), free(), free());
        let ports = format!(
            "ports={{http={},server={},serf_lan={},serf_wan=-1,dns=-1,grpc=-1}}",
            address.port(),
            server.port(),
            serf.port()
        );
        let process = Command::new(component("consul").join("consul"))
            .args(["agent", "-dev", "-bind=127.0.0.1", "-node=host"])
            .args(["-hcl", r#"session_ttl_min="100ms""#, "-hcl", &ports])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let consul = Self { process, address };
        until("Consul has a leader", || {
            TcpStream::connect(address).is_ok()
                && is_true(&ask_body(address, "PUT /v1/kv/up", "", ""))
                && get(address, "/v1/health/node/host").body != json!([])
        });
        consul
    }
}

impl Drop for Consul {
    fn drop(&mut self) {
        let _killed = self.process.kill();
        let _reaped = self.process.wait();
    }
}

/// An answer that is JSON.
struct Answer {
    status: u16,
    index: u64,
    body: Value,
}

/// Reads a complete page, whatever its framing.
fn get(consul: SocketAddr, path: &str) -> Answer {
    let request = ureq::get(format!("http://{consul}{path}")).config();
    let request = request
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)));
    let mut answer = request.build().call().unwrap();
    let index = answer.headers().get("x-consul-index");
    let index = index.map_or(0, |index| index.to_str().unwrap().parse().unwrap());
    let text = answer.body_mut().read_to_string().unwrap();
    Answer {
        status: answer.status().as_u16(),
        index,
        body: serde_json::from_str(&text).unwrap_or_default(),
    }
}

/// Consul ends its answers with a new line.
fn is_true(answer: &str) -> bool {
    answer.trim_end().ends_with("true")
}

/// Makes a session; its name.
fn make(consul: SocketAddr, settings: &str) -> String {
    let answer = ask_body(consul, "PUT /v1/session/create", "", settings);
    let id = answer
        .split('"')
        .nth(3)
        .unwrap_or_else(|| panic!("{answer}"));
    id.to_owned()
}

fn destroy(consul: SocketAddr, id: &str) {
    let ended = ask_body(consul, &format!("PUT /v1/session/destroy/{id}"), "", "");
    assert!(is_true(&ended), "{ended}");
}

fn delete(consul: SocketAddr, prefix: &str) {
    let deleted = ask_body(consul, &format!("DELETE /v1/kv/{prefix}?recurse"), "", "");
    assert!(is_true(&deleted), "{deleted}");
}

fn put(consul: SocketAddr, key: &str, more: &str) {
    let answer = ask_body(consul, &format!("PUT /v1/kv/{key}{more}"), "", "v");
    assert!(is_true(&answer), "{answer}");
}

/// A session that has locked entries, each beside an unlocked one.
fn session(consul: SocketAddr, ttl: &str, behavior: &str) -> String {
    let settings = format!(r#"{{"TTL": "{ttl}", "Behavior": "{behavior}", "LockDelay": "500ms"}}"#);
    let id = make(consul, &settings);
    for n in 0..LOCKS {
        put(consul, &format!("l/{n:03}"), &format!("?acquire={id}"));
        put(consul, &format!("l/{n:03}/beside"), "");
        if n % 20 == 0 {
            let renewed = ask_body(consul, &format!("PUT /v1/session/renew/{id}"), "", "");
            assert!(renewed.starts_with("HTTP/1.1 200"), "{renewed}");
        }
    }
    id
}

/// Waits for the next change under a prefix, as a client that has seen everything does.
fn watch(consul: SocketAddr, prefix: &str) -> JoinHandle<Answer> {
    let path = format!("/v1/kv/{prefix}?recurse");
    let seen = get(consul, &path).index;
    // Changes made before it waits are delivered as well.
    std::thread::spawn(move || get(consul, &format!("{path}&index={seen}&wait=50s")))
}

/// The session's entries: their number, the number locked, and the number of changes that made them.
fn shown(answer: &Answer) -> (usize, usize, usize) {
    let all = answer.body.as_array().map_or(&[][..], Vec::as_slice);
    let own = || {
        all.iter()
            .filter(|entry| !entry["Key"].as_str().unwrap().ends_with("/beside"))
    };
    let locked = own().filter(|entry| !entry["Session"].is_null()).count();
    let changes: HashSet<_> = own().map(|entry| entry["ModifyIndex"].as_u64()).collect();
    (own().count(), locked, changes.len())
}

/// A watch delivers each bulk change once, as a whole.
fn assert_atomic(consul: SocketAddr) {
    // The session is destroyed, and its locked entries are released.
    let id = session(consul, "1h", "release");
    let woken = watch(consul, "l");
    destroy(consul, &id);
    assert_eq!(shown(&woken.join().unwrap()), (LOCKS, 0, 1));
    let gone = get(consul, &format!("/v1/session/info/{id}"));
    assert_eq!(gone.body, json!([]));
    until("the lock-delay is over", || {
        let id = make(consul, r#"{"LockDelay": "0s"}"#);
        let last = format!("PUT /v1/kv/l/{:03}?acquire={id}", LOCKS - 1);
        let taken = is_true(&ask_body(consul, &last, "", ""));
        destroy(consul, &id);
        taken
    });
    // The session expires, and its locked entries are deleted.
    delete(consul, "l");
    session(consul, "2s", "delete");
    let woken = watch(consul, "l");
    assert_eq!(shown(&woken.join().unwrap()), (0, 0, 0));
    // A directory with all its entries.
    for n in 0..TREE {
        put(consul, &format!("t/{n}"), "");
    }
    put(consul, "t-beside", "");
    let woken = watch(consul, "t/");
    delete(consul, "t/");
    assert_eq!(woken.join().unwrap().status, 404);
    assert_eq!(get(consul, "/v1/kv/t?keys").body, json!(["t-beside"]));
}

#[test]
#[ignore = "needs consul: tests/run"]
fn consul_ends_sessions_and_deletes_trees_atomically() {
    assert_atomic(Consul::start().address);
}

fn bulk_changes_are_atomic(component: &str) {
    let member = Member::start(component);
    let gateway = leading(&member.store("p"), &[]);
    assert_atomic(gateway.consul);
    let left = member.ctl(&["get", "--prefix", "p/", "--keys-only"]);
    let left = left.unwrap();
    assert!(!left.contains("attributes/t/"), "{left}");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn session_ends_and_tree_deletions_are_atomic_on_3_4() {
    bulk_changes_are_atomic("etcd");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn session_ends_and_tree_deletions_are_atomic_on_3_6() {
    bulk_changes_are_atomic("etcd-3.6");
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn etcd_v2_deletes_a_large_directory_atomically() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    for n in 0..TREE {
        put(gateway.consul, &format!("t/{n}"), "");
    }
    let deleted = ask(gateway.etcd, "DELETE /v2/keys/t?recursive=true");
    assert!(deleted.starts_with("HTTP/1.1 200"), "{deleted}");
    let left = ask(gateway.etcd, "GET /v2/keys/t");
    assert!(left.starts_with("HTTP/1.1 404"), "{left}");
    assert_eq!(gateway.stop().code, 0);
}

#[test]
#[ignore = "needs etcd: tests/run"]
fn external_writes_during_a_bulk_change_are_neither_lost_nor_reverted() {
    let member = Member::start("etcd-3.6");
    let gateway = leading(&member.store("p"), &[]);
    let over = AtomicBool::new(false);
    let mut found = 0;
    std::thread::scope(|scope| {
        // Another client writes an entry that is deleted, and deletes one that is unlocked.
        let foreign = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                member.ctl(&["put", "p/t/foreign", "theirs"]).unwrap();
                member.ctl(&["del", "p/l/100"]).unwrap();
            }
        });
        for _ in 0..5 {
            for n in 0..100 {
                put(gateway.consul, &format!("t/{n}"), "");
            }
            delete(gateway.consul, "t/");
            let left = get(gateway.consul, "/v1/kv/t/?keys").body;
            let left = left.as_array().map_or(0, Vec::len);
            assert!(left <= 1, "only what was written after it");
            found += left;
        }
        let id = session(gateway.consul, "1h", "release");
        destroy(gateway.consul, &id);
        over.store(true, Ordering::Relaxed);
        foreign.join().unwrap();
    });
    println!("{found} times something was written meanwhile");
    until("what was deleted stays deleted", || {
        get(gateway.consul, "/v1/kv/l/100").status == 404
    });
    until("the last external write is there", || {
        ask(gateway.consul, "GET /v1/kv/t/foreign?raw").ends_with("theirs")
    });
    let (_, locked, _) = shown(&get(gateway.consul, "/v1/kv/l?recurse"));
    assert_eq!(locked, 0);
    assert_eq!(gateway.stop().code, 0);
}

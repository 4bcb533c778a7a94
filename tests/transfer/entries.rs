//! Entries to transfer, and checks of the result.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use support::command::{Done, run};
use support::requests::{ask, ask_body};
use support::running::Running;

/// A request; its body as JSON.
pub(crate) fn json(to: std::net::SocketAddr, request: &str) -> Value {
    let answer = ask(to, request);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// A long-lived session with this behaviour of its keys.
pub(crate) fn session(consul: std::net::SocketAddr, name: &str, behavior: &str) -> String {
    let body = format!(r#"{{"Name":"{name}","Behavior":"{behavior}","TTL":"3600s"}}"#);
    let answer = ask_body(consul, "PUT /v1/session/create", "", body);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let made: Value = serde_json::from_str(body.trim()).unwrap();
    made["ID"].as_str().unwrap().to_owned()
}

/// PUT of a page with a body.
pub(crate) fn put(to: std::net::SocketAddr, page: &str, body: &[u8]) -> String {
    let form = "application/x-www-form-urlencoded";
    let answer = ask_body(to, &format!("PUT {page}"), form, body);
    assert!(answer.starts_with("HTTP/1.1 20"), "{page}: {answer}");
    answer
}

/// Writes one entry of each kind that Consul's clients make, to a gateway or a Consul.
pub(crate) fn fill_consul(consul: std::net::SocketAddr) {
    put(consul, "/v1/kv/docker/text?flags=7", b"hello");
    put(consul, "/v1/kv/docker/most?flags=18446744073709551615", b"");
    put(consul, "/v1/kv/docker/node/", b"a record of dockerd's");
    put(consul, "/v1/kv/docker/bytes%20%C3%A9", b"\xff\x00\n\"");
    let (stays, goes) = (
        session(consul, "stays", "release"),
        session(consul, "goes", "delete"),
    );
    put(
        consul,
        &format!("/v1/kv/docker/locked?acquire={stays}"),
        b"held",
    );
    put(
        consul,
        &format!("/v1/kv/docker/lent?acquire={goes}"),
        b"lent",
    );
}

/// One of each kind that etcd's clients make.
pub(crate) fn fill_etcd(etcd: std::net::SocketAddr) {
    put(etcd, "/v2/keys/tree/a/b", b"value=deep");
    put(etcd, "/v2/keys/tree/ttl", b"value=short&ttl=3000");
    put(etcd, "/v2/keys/tree/empty", b"dir=true");
    put(etcd, "/v2/keys/tree/ends", b"dir=true&ttl=4000");
    put(etcd, "/v2/keys/tree/ends/in", b"value=1");
}

/// The lines of a store's entries by key, without their remaining TTLs, which change.
pub(crate) fn dump(store: &str) -> BTreeMap<String, Value> {
    let done = run(&["export", "--from", store]);
    assert_eq!(done.code, 0, "{done:?}");
    entries(done.text())
}

/// The lines of entries of a dump.
pub(crate) fn entries(dump: &str) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for line in dump.lines() {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let key = line.get("key").or(line.get("key_base64"));
        let Some(key) = key.and_then(Value::as_str).map(str::to_owned) else {
            continue;
        };
        if let Some(left) = line.get_mut("ttl_ms") {
            let seconds = left.as_u64().unwrap() / 1_000;
            assert!(seconds > 2_900, "a TTL was cut short: {line}");
            line["ttl_ms"] = Value::from(true);
        }
        assert!(found.insert(key, line).is_none());
    }
    found
}

/// Runs an import; its report.
pub(crate) fn import(arguments: &[&str]) -> Value {
    let done = run(&[&["import", "--json"], arguments].concat());
    assert_eq!(done.code, 0, "{done:?}");
    done.json()
}

/// Runs a command that must fail.
pub(crate) fn refused(arguments: &[&str]) -> Done {
    let done = run(arguments);
    assert_ne!(done.code, 0, "{done:?}");
    done
}

/// Fills a store by a gateway of its own.
pub(crate) fn filled(directory: &Path) -> String {
    let store = support::command::embedded(directory);
    let gateway = Running::start(&store);
    fill_consul(gateway.consul);
    fill_etcd(gateway.etcd);
    let done = gateway.stop();
    assert_eq!(done.code, 0, "{done:?}");
    store
}

/// Asserts that the report names the sessions, locks and ephemeral entries left out.
pub(crate) fn assert_named(err: &str) {
    for line in [
        "left out: session: ",
        "(stays)",
        "(goes)",
        "left out: lock: docker/locked (by ",
        "left out: ephemeral entry: docker/lent (by ",
    ] {
        assert!(err.contains(line), "{line} is not in {err}");
    }
}

//! Failure modes of several gateways on one store; docs/holes.md has the list.

mod foreign_objects;
mod leases;
mod reads;
mod transactions;
mod watches;
mod writes;

use std::net::{SocketAddr, TcpStream};

use rustix::process::Signal;

use crate::gateway::{put, start_for};
use support::command::kubekv;
use support::fault_proxy::FaultProxy;
use support::kubernetes::kubectl;
use support::requests::{answer, ask, send_body};
use support::running::Running;

/// Starts a gateway behind a fault proxy, with leadership of so many seconds.
fn start_behind(proxy: &FaultProxy, namespace: &str, name: &str, seconds: u64) -> Running {
    let mut command = kubekv();
    command.env("KUBECONFIG", proxy.kubeconfig());
    start_for(command, namespace, name, seconds)
}

/// Kills a gateway.
fn kill(gateway: Running) {
    gateway.signal(Signal::KILL);
    let _ended = gateway.end();
}

/// Returns when the watch has delivered everything that was written so far.
fn sync(gateway: &Running) {
    put(gateway, "sync", "x");
}

/// The object of a key, by kubectl, if there is one.
fn object(namespace: &str, key: &str) -> Option<serde_json::Value> {
    let list = kubectl(&["-n", namespace, "get", "kv", "-o", "json"], &[]).unwrap();
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let items = list["items"].as_array().unwrap().iter();
    let mut found = items.filter(|item| item["spec"]["key"] == key);
    found.next().cloned()
}

/// The name of the object of a key.
fn name(namespace: &str, key: &str) -> String {
    let object = object(namespace, key).unwrap();
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Edits the value of a key, by kubectl.
fn edit(namespace: &str, key: &str, value: &str) {
    let patch = serde_json::json!({"spec": {"value": value}}).to_string();
    let name = name(namespace, key);
    let patched = ["patch", "kv", &name, "--type=merge", "-p", &patch];
    kubectl(&[&["-n", namespace], &patched[..]].concat(), &[]).unwrap();
}

/// Sends a request that has a body, on a connection of its own.
fn send(to: SocketAddr, request: &str, body: &str) -> TcpStream {
    send_body(to, request, "", body)
}

/// A header of an answer that is a number.
fn number(answer: &str, header: &str) -> u64 {
    let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(name, _)| name.eq_ignore_ascii_case(header));
    found.expect(answer).1.parse().unwrap()
}

/// The JSON that is an answer's body, which may come in one chunk.
fn json(answer: &str) -> serde_json::Value {
    let begin = answer.find(['{', '[']).expect(answer);
    let end = answer.rfind(['}', ']']).expect(answer);
    let body = answer.get(begin..=end).unwrap();
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// The index of a key or a prefix that Consul's clients get.
fn consul_index(gateway: &Running, path: &str) -> u64 {
    number(
        &ask(gateway.consul, &format!("GET {path}")),
        "x-consul-index",
    )
}

/// The body of a transaction, as Consul takes it.
fn transaction(operations: &[(&str, &str, &str, u64)]) -> String {
    use base64::Engine as _;
    let operation = |(verb, key, value, index): &(&str, &str, &str, u64)| {
        let value = base64::prelude::BASE64_STANDARD.encode(value);
        serde_json::json!({"KV": {"Verb": verb, "Key": key, "Value": value, "Index": index}})
    };
    let operations: Vec<_> = operations.iter().map(operation).collect();
    serde_json::Value::from(operations).to_string()
}

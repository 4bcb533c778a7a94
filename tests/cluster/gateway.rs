//! Gateways of one namespace.

use std::time::Duration;

use crate::cluster::kubectl;
use crate::command::{kubekv, run};
use crate::running::{Running, ask};

/// How long anything here may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked for.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts a gateway on the entries of a namespace, called by a name of its own.
pub(crate) fn start(namespace: &str, name: &str) -> Running {
    start_by(kubekv(), namespace, name)
}

/// As [`start`], by a command that knows more.
pub(crate) fn start_by(command: std::process::Command, namespace: &str, name: &str) -> Running {
    start_for(command, namespace, name, 2)
}

/// As [`start_by`], for a lead that lasts so many seconds.
pub(crate) fn start_for(
    command: std::process::Command,
    namespace: &str,
    name: &str,
    seconds: u64,
) -> Running {
    let store = format!("kubernetes:{namespace}");
    let arguments = [
        "--store",
        &store,
        "--node-name",
        name,
        "--lead-duration",
        &seconds.to_string(),
    ];
    Running::start_by(command, &arguments)
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let mut left = PATIENCE;
    while !holds() {
        assert!(!left.is_zero(), "never: {what}");
        std::thread::sleep(PAUSE);
        left = left.saturating_sub(PAUSE);
    }
}

/// What its admin port says of its state.
pub(crate) fn state(gateway: &Running) -> String {
    let answer = ask(gateway.admin, "GET /readyz");
    answer.lines().last().unwrap_or_default().to_owned()
}

/// Waits until it leads.
pub(crate) fn until_ready(gateway: &Running) {
    until("ready", || state(gateway) == "ok");
}

/// Writes a key.
pub(crate) fn put(gateway: &Running, key: &str, value: &str) {
    let done = gateway.run(&["put", key, value]);
    assert_eq!(done.code, 0, "{done:?}");
}

/// A key's value, if it has one.
pub(crate) fn get(gateway: &Running, key: &str) -> Option<String> {
    let done = gateway.run(&["get", key, "--raw"]);
    match done.code {
        0 => Some(done.text().trim_end().to_owned()),
        1 => None,
        _ => panic!("{done:?}"),
    }
}

/// What the gateway says of itself.
pub(crate) fn status(gateway: &Running) -> serde_json::Value {
    let address = gateway.consul.to_string();
    let done = run(&["status", "--json", "--address", &address]);
    assert_eq!(done.code, 0, "{done:?}");
    done.json()
}

/// The lead's record, as the cluster has it.
pub(crate) fn lead(namespace: &str) -> serde_json::Value {
    let path = "jsonpath={range .items[?(@.spec.key==\"lead\")]}{.spec.value}{end}";
    let text = kubectl(&["-n", namespace, "get", "kv", "-o", path], &[]).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A metric's value; 0 where it was never counted.
pub(crate) fn metric(gateway: &Running, name: &str) -> u64 {
    let metrics = ask(gateway.admin, "GET /metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// How many requests were refused for a reason.
pub(crate) fn refused(gateway: &Running, reason: &str) -> u64 {
    let name = format!("kubekv_store_refused_total{{reason=\"{reason}\"}}");
    metric(gateway, &name)
}

/// How often the log says that writes are refused.
pub(crate) fn said(log: &str) -> usize {
    log.matches("the cluster refuses writes").count()
}

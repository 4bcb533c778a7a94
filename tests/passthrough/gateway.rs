//! Gateways of one prefix.

use std::time::Duration;

use crate::command::kubekv;
use crate::running::{Running, ask};

/// How long anything here may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked for.
const PAUSE: Duration = Duration::from_millis(20);

/// Starts a gateway on a store, called by a name of its own, that relays nothing.
pub(crate) fn start(store: &str, name: &str, more: &[&str]) -> Running {
    let arguments = ["--store", store, "--node-name", name, "--relay", "off"];
    let lead = ["--lead-duration", "2"];
    let lead = if more.contains(&"--lead-duration") {
        &[][..]
    } else {
        &lead[..]
    };
    Running::start_by(kubekv(), &[&arguments[..], lead, more].concat())
}

/// Starts one and waits until it leads.
pub(crate) fn leading(store: &str, more: &[&str]) -> Running {
    let gateway = start(store, "only", more);
    until_ready(&gateway);
    gateway
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

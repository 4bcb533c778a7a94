//! Requests to a running gateway that tests repeat: its state, its keys.

use crate::requests::ask;
use crate::running::Running;
use crate::until::until;

/// Its state, from its admin port.
pub fn state(gateway: &Running) -> String {
    let answer = ask(gateway.admin, "GET /readyz");
    answer.lines().last().unwrap_or_default().to_owned()
}

/// Waits until it leads.
pub fn until_ready(gateway: &Running) {
    until("ready", || state(gateway) == "ok");
}

/// Writes a key.
pub fn put(gateway: &Running, key: &str, value: &str) {
    let done = gateway.run(&["put", key, value]);
    assert_eq!(done.code, 0, "{done:?}");
}

/// A key's value, if it has one.
pub fn get(gateway: &Running, key: &str) -> Option<String> {
    let done = gateway.run(&["get", key, "--raw"]);
    match done.code {
        0 => Some(done.text().trim_end().to_owned()),
        1 => None,
        _ => panic!("{done:?}"),
    }
}

//! Requests to a running gateway that tests repeat: its state, its keys.

use crate::command::Done;
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

/// Runs a command, and runs it again where the gateway says that its store has no leader: with leadership of a few seconds a busy
/// machine can lose it at any time, and that is not what a test of something else is about. Nothing was written then.
fn run(gateway: &Running, arguments: &[&str]) -> Done {
    let mut done = gateway.run(arguments);
    until("a gateway leads", || {
        let lacks_leader = done.code == 4 && done.err.contains("No cluster leader");
        if lacks_leader {
            done = gateway.run(arguments);
        }
        !lacks_leader
    });
    done
}

/// Writes a key.
pub fn put(gateway: &Running, key: &str, value: &str) {
    let done = run(gateway, &["put", key, value]);
    assert_eq!(done.code, 0, "{done:?}");
}

/// A key's value, if it has one.
pub fn get(gateway: &Running, key: &str) -> Option<String> {
    let done = run(gateway, &["get", key, "--raw"]);
    match done.code {
        0 => Some(done.text().trim_end().to_owned()),
        1 => None,
        _ => panic!("{done:?}"),
    }
}

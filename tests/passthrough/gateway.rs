//! Gateways of one prefix.

use support::command::kubekv;
use support::running::Running;

pub(crate) use support::gateway::{get, put, state, until_ready};
pub(crate) use support::metrics::metric;
pub(crate) use support::until::until;

/// Starts a gateway on a store, called by a name of its own, that relays nothing unless it is told to.
pub(crate) fn start(store: &str, name: &str, more: &[&str]) -> Running {
    let arguments = ["--store", store, "--node-name", name];
    let relay = ["--relay", "off"];
    let relay = if more.contains(&"--relay") {
        &[][..]
    } else {
        &relay[..]
    };
    let duration = ["--lead-duration", "2"];
    let duration = if more.contains(&"--lead-duration") {
        &[][..]
    } else {
        &duration[..]
    };
    Running::start_by(kubekv(), &[&arguments[..], relay, duration, more].concat())
}

/// Starts a gateway and waits until it leads.
pub(crate) fn leading(store: &str, more: &[&str]) -> Running {
    let gateway = start(store, "only", more);
    until_ready(&gateway);
    gateway
}

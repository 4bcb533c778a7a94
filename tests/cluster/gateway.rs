//! Gateways of one namespace.

use support::command::kubekv;
use support::kubernetes::kubectl;
use support::running::Running;

pub(crate) use support::gateway::{get, put, state, until_ready};
pub(crate) use support::leadership::status;
pub(crate) use support::metrics::metric;
pub(crate) use support::until::until;

/// Starts a gateway on the entries of a namespace, called by a name of its own.
pub(crate) fn start(namespace: &str, name: &str) -> Running {
    start_by(kubekv(), namespace, name)
}

/// As [`start`], by a command with settings of its own.
pub(crate) fn start_by(command: std::process::Command, namespace: &str, name: &str) -> Running {
    start_for(command, namespace, name, 2)
}

/// As [`start_by`], with leadership of so many seconds.
pub(crate) fn start_for(
    command: std::process::Command,
    namespace: &str,
    name: &str,
    seconds: u64,
) -> Running {
    start_with(command, namespace, name, seconds, &[])
}

/// As [`start_for`], with more options.
pub(crate) fn start_with(
    command: std::process::Command,
    namespace: &str,
    name: &str,
    seconds: u64,
    more: &[&str],
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
    Running::start_by(command, &[&arguments[..], more].concat())
}

/// The leader record, as the cluster has it.
pub(crate) fn leader_record(namespace: &str) -> serde_json::Value {
    let path = "jsonpath={range .items[?(@.spec.key==\"lead\")]}{.spec.value}{end}";
    let text = kubectl(&["-n", namespace, "get", "kv", "-o", path], &[]).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The number of requests refused for a reason.
pub(crate) fn refused(gateway: &Running, reason: &str) -> u64 {
    let name = format!("kubekv_store_refused_total{{reason=\"{reason}\"}}");
    metric(gateway, &name)
}

/// The number of log lines about refused writes.
pub(crate) fn refusals_logged(log: &str) -> usize {
    log.matches("the cluster refuses writes").count()
}

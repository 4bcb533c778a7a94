//! The command line of a round: a `kubekv bench` of its own.

use std::path::Path;
use std::time::Duration;

use super::overload::HEARTBEAT;
use super::plan::{LoadCommand, PlanGroup};
use super::primitives::{COUNT_FILE, NETWORK_FILE};
use crate::bench::target::TargetProtocol;

/// How long an operation may take, in seconds.
const OPERATION: &str = "10";

/// How much longer than its load a round may take until it is killed: its operations time out, and fleets clean up.
const MORE: Duration = Duration::from_secs(60);

/// A network, as dockerd writes it.
pub(super) const NETWORK: &str = include_str!("network.json");

/// The count of a network's endpoints.
pub(super) const ENDPOINT_COUNT: &str = r#"{"Count":0}"#;

/// The arguments of `kubekv` for a round of a group. `warm_up` is the load before, `rate` how many operations are due a second.
pub(super) fn arguments(
    group: &PlanGroup,
    protocol: TargetProtocol,
    target: &str,
    warm_up: f64,
    rate: Option<f64>,
) -> Vec<String> {
    let (command, before, limits) = match &group.command {
        LoadCommand::Operation(operation) => (operation.as_str(), "--warm-up", true),
        LoadCommand::Carried(_) => return fleet_arguments(group, target, "HOSTS", "SECONDS"),
        LoadCommand::Docker => ("docker", "--warm-up", false),
        // Not by a load.
        LoadCommand::Restart | LoadCommand::TakeOver(_) => return Vec::new(),
        LoadCommand::Idle => return idle_arguments(group, target),
        LoadCommand::Wake => {
            let streams = protocol.has_only_streams();
            (if streams { "watch" } else { "poll" }, "--settle", true)
        }
    };
    let mut arguments: Vec<String> = ["bench", command, target].map(str::to_owned).to_vec();
    arguments.extend(group.arguments.iter().cloned());
    let mut option = |name: &str, value: String| {
        arguments.push(name.to_owned());
        arguments.push(value);
    };
    if let Some(rate) = rate {
        option("--rate", format!("{rate:.1}"));
    }
    option("--duration", group.seconds.to_string());
    option(before, warm_up.to_string());
    if limits {
        option("--timeout", OPERATION.to_owned());
    }
    arguments
}

/// The arguments of `kubekv` for connections or sessions that do nothing.
fn idle_arguments(group: &PlanGroup, target: &str) -> Vec<String> {
    let settle = group.warm_up.to_string();
    let mut arguments: Vec<String> = ["bench", "idle", target].map(str::to_owned).to_vec();
    arguments.extend(group.arguments.iter().cloned());
    arguments.extend(["--settle", &settle, "--timeout", OPERATION].map(str::to_owned));
    arguments
}

/// The arguments of `kubekv` for a fleet of so many hosts, which are started over some seconds. Each fleet has a prefix of its own:
/// nobody watches what the one before has left.
pub(super) fn fleet_arguments(
    group: &PlanGroup,
    target: &str,
    hosts: &str,
    start_within: &str,
) -> Vec<String> {
    let (heartbeat, seconds) = (HEARTBEAT.to_string(), group.seconds.to_string());
    let prefix = format!("{}-{hosts}", group.key);
    let warm_up = group.warm_up.to_string();
    let mut arguments: Vec<String> = ["bench", "docker", target].map(str::to_owned).to_vec();
    arguments.extend(group.arguments.iter().cloned());
    let fixed = [
        ["--hosts", hosts],
        ["--prefix", &prefix],
        ["--start-within", start_within],
        ["--heartbeat", &heartbeat],
        ["--warm-up", &warm_up],
        ["--duration", &seconds],
    ];
    arguments.extend(fixed.as_flattened().iter().map(|word| (*word).to_owned()));
    arguments.extend(["--at-rest", "--keep"].map(str::to_owned));
    arguments
}

/// How long a round may take.
pub(super) fn limit(group: &PlanGroup) -> Duration {
    Duration::from_secs_f64(group.seconds + 2.0 * group.warm_up) + MORE
}

/// The arguments of `kubekv bench fill`, with the files of records in a directory.
pub(super) fn fill_arguments(target: &str, fill: &[String], records: &Path) -> Vec<String> {
    let mut arguments: Vec<String> = ["bench", "fill", target].map(str::to_owned).to_vec();
    for word in fill {
        arguments.push(match word.as_str() {
            NETWORK_FILE => records.join("network.json").display().to_string(),
            COUNT_FILE => records.join("count.json").display().to_string(),
            other => other.to_owned(),
        });
    }
    arguments
}

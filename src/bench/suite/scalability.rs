//! The stages of scalability: the same load over growing sizes, each size on new servers.

use super::level::ReportLevel;
use super::plan::{GroupFigure, GroupPace, LoadCommand, PlanGroup, PlanStage, SeriesPoint};
use super::primitives::{endpoint_counts, networks, words};
use super::{deployments, take_over_groups};
use crate::bench::field::Deployment;
use crate::bench::target::TargetProtocol;

/// The number of networks, and of hosts, at which kubekv on each store is asked by all protocols.
const ALL_FACES: u64 = 100;

/// The stages.
pub(super) fn stages(level: ReportLevel) -> Vec<PlanStage> {
    let (over_networks, over_hosts, over_watchers, over_entries): (&[u64], &[u64], &[u64], &[u64]) =
        match level {
            ReportLevel::Quick => (&[10, 100], &[], &[], &[]),
            ReportLevel::Standard => (
                &[10, 100, 1_000],
                &[2, 10, 100],
                &[1, 100, 1_000],
                &[1_000, 10_000, 100_000],
            ),
            ReportLevel::Full => (
                &[10, 100, 1_000, 10_000],
                &[2, 10, 100, 1_000],
                &[1, 100, 1_000, 10_000],
                &[1_000, 10_000, 100_000, 1_000_000],
            ),
        };
    let mut stages = Vec::new();
    stages.extend(over_networks.iter().map(|size| container(level, *size)));
    stages.extend(over_hosts.iter().map(|size| hosts(level, *size)));
    stages.extend(watchers(level, over_watchers));
    stages.extend(over_entries.iter().map(|size| entries(level, *size)));
    stages
}

fn point(key: &str, of: &str, size: u64) -> SeriesPoint {
    SeriesPoint {
        key: key.to_owned(),
        of: of.to_owned(),
        size,
    }
}

/// The start of a container, with so many networks in the store.
fn container(level: ReportLevel, size: u64) -> PlanStage {
    let times = level.times();
    let others = size.saturating_sub(1);
    PlanStage {
        key: format!("networks-{size}"),
        title: format!("{} networks", grouped(size)),
        fills: vec![networks(others), endpoint_counts(others)],
        fill_seconds: others / 100,
        groups: vec![PlanGroup {
            key: "container-start".to_owned(),
            title: format!("Start a container, {} networks present", grouped(size)),
            shape: "2 hosts, 4 containers started or stopped a second, from when each was due"
                .to_owned(),
            command: LoadCommand::Docker,
            arguments: words("--hosts 2 --start-within 0.2 --containers 4"),
            row: "container start".to_owned(),
            figure: GroupFigure::P50,
            pace: GroupPace::Closed,
            series: Some(point("container-start", "networks", size)),
            rounds: times.latency_rounds,
            seconds: times.docker_seconds,
            warm_up: 0.5,
            deployments: deployments::fleet(level, size == ALL_FACES),
        }],
    }
}

/// The start of a container among so many hosts, and their heartbeats.
fn hosts(level: ReportLevel, size: u64) -> PlanStage {
    let times = level.times();
    let start = size.div_ceil(100).max(1);
    let group = |key: &str, title: String, row: &str, pace| PlanGroup {
        key: key.to_owned(),
        title,
        shape: format!(
            "{} hosts at rest, each with a heartbeat every 3 s; 4 containers started or stopped a second, from when each was due",
            grouped(size)
        ),
        command: LoadCommand::Docker,
        arguments: words(&format!(
            "--hosts {size} --at-rest --start-within {start} --heartbeat 3 --ttl 9 --containers 4"
        )),
        row: row.to_owned(),
        figure: GroupFigure::P50,
        pace,
        series: Some(point(key, "hosts", size)),
        rounds: times.latency_rounds,
        seconds: times.docker_seconds,
        warm_up: 1.0,
        deployments: deployments::fleet(level, size == ALL_FACES),
    };
    let (among, beats) = (
        format!("Start a container among {} hosts", grouped(size)),
        format!("Heartbeat of {} hosts", grouped(size)),
    );
    let same = GroupPace::SameRounds("start-among".to_owned());
    PlanStage {
        key: format!("hosts-{size}"),
        title: format!("{} hosts", grouped(size)),
        fills: Vec::new(),
        fill_seconds: 0,
        groups: vec![
            group("start-among", among, "container start", GroupPace::Closed),
            group("heartbeat", beats, "heartbeat", same),
        ],
    }
}

/// The wake-up of so many watchers of one key; all sizes on the same servers.
fn watchers(level: ReportLevel, sizes: &[u64]) -> Option<PlanStage> {
    let times = level.times();
    let mut deployments = deployments::docker();
    deployments.push(Deployment::real(TargetProtocol::Etcd3));
    let group = |size: u64| PlanGroup {
        key: format!("wake-{size}"),
        title: format!("Wake {} watchers of a key", grouped(size)),
        shape: "from when a write is sent until the last has the change".to_owned(),
        command: LoadCommand::Wake,
        arguments: words(&format!(
            "--watchers {size} --keys 1 --prefix watched-{size}/"
        )),
        row: "last event".to_owned(),
        figure: GroupFigure::P50,
        pace: GroupPace::Closed,
        series: Some(point("wake", "watchers", size)),
        rounds: times.latency_rounds,
        seconds: times.seconds,
        warm_up: times.settle,
        deployments: deployments.clone(),
    };
    let groups: Vec<PlanGroup> = sizes.iter().map(|size| group(*size)).collect();
    (!groups.is_empty()).then(|| PlanStage {
        key: "watchers".to_owned(),
        title: "Watchers".to_owned(),
        fills: Vec::new(),
        fill_seconds: 0,
        groups,
    })
}

/// Operations beside so many other entries, starts, and take-overs.
fn entries(level: ReportLevel, size: u64) -> PlanStage {
    let all = format!("--prefix many/ --keys {size} --per-directory 1000");
    let present = format!("{} entries present", grouped(size));
    let mut groups = entries_groups(level, size, &all, &present);
    groups.extend(take_over_groups::groups(size, &present));
    PlanStage {
        key: format!("entries-{size}"),
        title: format!("{} entries", grouped(size)),
        fills: vec![words(&all), words("--prefix few/ --keys 100")],
        // An API server creates a thousand objects a second, the others ten times as many.
        fill_seconds: size / 1_000 + 8 * size / 8_000,
        groups,
    }
}

/// The groups of operations and starts.
fn entries_groups(level: ReportLevel, size: u64, all: &str, present: &str) -> Vec<PlanGroup> {
    let times = level.times();
    let group = |key: &str, title: &str, operation: &str, arguments: &str| PlanGroup {
        key: key.to_owned(),
        title: format!("{title}, {present}"),
        shape: "16 clients, entries of 256 bytes, 1,000 a directory".to_owned(),
        command: LoadCommand::Operation(operation.to_owned()),
        arguments: words(arguments),
        row: operation.to_owned(),
        figure: GroupFigure::Rate,
        pace: GroupPace::Closed,
        series: Some(point(key, "entries", size)),
        rounds: times.rounds.min(2),
        seconds: times.seconds.min(3.0),
        warm_up: times.warm_up,
        deployments: deployments::stores(),
    };
    let reads = format!("--clients 16 {all} --no-fill");
    let writes = format!("--clients 16 {all}");
    let list = "--clients 16 --key few/";
    let start = PlanGroup {
        shape: "from when the process is started until a write is answered; kubekv on another store starts alone, and that goes on"
            .to_owned(),
        command: LoadCommand::Restart,
        figure: GroupFigure::P50,
        rounds: 1,
        ..group("entries-start", "Start", "start", "")
    };
    vec![
        group("entries-get", "Read any key", "get", &reads),
        group("entries-list", "List a directory of 100", "list", list),
        group("entries-put", "Write any key", "put", &writes),
        start,
    ]
}

/// A number with a comma between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_separated() {
        let shown = [1, 100, 1_000, 10_000, 100_000, 1_000_000].map(grouped);
        let want = ["1", "100", "1,000", "10,000", "100,000", "1,000,000"];
        assert_eq!(shown, want);
    }
}

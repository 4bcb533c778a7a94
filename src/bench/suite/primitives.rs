//! The stage of primitives: each operation, as fast as clients can, and its latency at a rate that every server can do.

use super::deployments;
use super::level::{LevelTimes, ReportLevel};
use super::plan::{GroupFigure, GroupPace, LoadCommand, PlanGroup, PlanStage};
use crate::bench::field::Deployment;
use crate::bench::target::TargetProtocol;

/// The prefix of Docker's networks.
pub(super) const NETWORKS: &str = "docker/network/v1.0/network/";

/// The prefix of the counts of their endpoints.
pub(super) const ENDPOINT_COUNTS: &str = "docker/network/v1.0/endpoint_count/";

/// The argument in whose place the file with a network's record comes.
pub(super) const NETWORK_FILE: &str = "{network}";

/// The argument in whose place the file with an endpoint count comes.
pub(super) const COUNT_FILE: &str = "{count}";

/// An operation that is measured.
struct Primitive {
    key: &'static str,
    operation: &'static str,
    title: &'static str,
    shape: &'static str,
    arguments: &'static str,
    /// The lowest level that measures it.
    from: ReportLevel,
    /// The lowest level that measures its latency at a rate; none for one client, whose every operation is such a latency.
    latency_from: Option<ReportLevel>,
    /// Whether an API server asked directly can do it.
    on_api_server: bool,
}

const PRIMITIVES: [Primitive; 10] = [
    Primitive {
        key: "get",
        operation: "get",
        title: "Read a key",
        shape: "linearizable, 64 clients, 1,000 keys of 256 bytes",
        arguments: "--clients 64 --prefix report/ --keys 1000 --no-fill",
        from: ReportLevel::Quick,
        latency_from: Some(ReportLevel::Quick),
        on_api_server: true,
    },
    Primitive {
        key: "get-alone",
        operation: "get",
        title: "Read a key, one client",
        shape: "linearizable, 1 client, 1,000 keys of 256 bytes",
        arguments: "--clients 1 --prefix report/ --keys 1000 --no-fill",
        from: ReportLevel::Standard,
        latency_from: None,
        on_api_server: true,
    },
    Primitive {
        key: "list",
        operation: "list",
        title: "List 1,000 networks",
        shape: "linearizable, 16 clients, records as dockerd writes them",
        arguments: "--clients 16 --key docker/network/v1.0/network/",
        from: ReportLevel::Quick,
        latency_from: Some(ReportLevel::Quick),
        on_api_server: true,
    },
    Primitive {
        key: "put-own",
        operation: "put",
        title: "Write a key of one's own",
        shape: "64 clients, a key each, 256 bytes",
        arguments: "--clients 64 --prefix report-own/ --distribution own",
        from: ReportLevel::Quick,
        latency_from: Some(ReportLevel::Quick),
        on_api_server: true,
    },
    Primitive {
        key: "put-alone",
        operation: "put",
        title: "Write a key, one client",
        shape: "1 client, a key of its own, 256 bytes",
        arguments: "--clients 1 --prefix report-own/ --distribution own",
        from: ReportLevel::Standard,
        latency_from: None,
        on_api_server: true,
    },
    Primitive {
        key: "put-one",
        operation: "put",
        title: "Write one key that all write",
        shape: "64 clients, one key, 256 bytes",
        arguments: "--clients 64 --prefix report-one/ --keys 1",
        from: ReportLevel::Quick,
        latency_from: Some(ReportLevel::Full),
        on_api_server: false,
    },
    Primitive {
        key: "create",
        operation: "create",
        title: "Create a key",
        shape: "64 clients, new keys beneath one prefix, 256 bytes",
        arguments: "--clients 64 --prefix report-new/",
        from: ReportLevel::Quick,
        latency_from: Some(ReportLevel::Standard),
        on_api_server: true,
    },
    Primitive {
        key: "cas",
        operation: "cas",
        title: "Compare and swap",
        shape: "16 clients, a key each, 256 bytes",
        arguments: "--clients 16 --prefix report/ --keys 1000 --no-fill --distribution own",
        from: ReportLevel::Quick,
        latency_from: Some(ReportLevel::Full),
        on_api_server: true,
    },
    Primitive {
        key: "cas-one",
        operation: "cas",
        title: "Compare and swap one key that all write",
        shape: "16 clients, one key, 256 bytes, as hosts do with Docker's address pools; writes that lost are in no rate",
        arguments: "--clients 16 --prefix report-pool/ --keys 1",
        from: ReportLevel::Standard,
        latency_from: None,
        on_api_server: false,
    },
    Primitive {
        key: "lock",
        operation: "lock",
        title: "Take a lock and give it back",
        shape: "16 clients, a lock each",
        arguments: "--clients 16 --prefix report-lock/ --keys 1000 --distribution own",
        from: ReportLevel::Quick,
        latency_from: Some(ReportLevel::Standard),
        on_api_server: false,
    },
];

/// The stage.
pub(super) fn stage(level: ReportLevel) -> PlanStage {
    let times = level.times();
    let all_faces = level == ReportLevel::Full;
    let mut groups = Vec::new();
    for primitive in PRIMITIVES.iter().filter(|one| one.from <= level) {
        let deployments = measured(level, primitive.on_api_server, all_faces);
        groups.push(capacity(primitive, times, &deployments));
        if primitive.latency_from.is_some_and(|from| from <= level) {
            let deployments = measured(level, primitive.on_api_server, false);
            groups.push(latency(primitive, times, &deployments));
        }
    }
    groups.push(PlanGroup {
        key: "wake".to_owned(),
        title: "Wake 100 watchers of a key".to_owned(),
        shape: "from when a write is sent until the last of 100 has the change".to_owned(),
        command: LoadCommand::Wake,
        arguments: words("--watchers 100 --keys 1 --prefix report-wake/"),
        row: "last event".to_owned(),
        figure: GroupFigure::P50,
        pace: GroupPace::Closed,
        series: None,
        rounds: times.rounds,
        seconds: times.seconds,
        warm_up: times.settle,
        deployments: measured(level, true, all_faces),
    });
    PlanStage {
        key: "primitives".to_owned(),
        title: "Primitives".to_owned(),
        fills: vec![words("--keys 1000 --prefix report/"), networks(1_000)],
        fill_seconds: 15,
        groups,
    }
}

/// Arguments that write so many networks as dockerd does.
pub(super) fn networks(count: u64) -> Vec<String> {
    words(&format!(
        "--keys {count} --key-width 64 --prefix {NETWORKS} --value-file {NETWORK_FILE}"
    ))
}

/// Arguments that write the counts of their endpoints.
pub(super) fn endpoint_counts(count: u64) -> Vec<String> {
    words(&format!(
        "--keys {count} --key-width 64 --prefix {ENDPOINT_COUNTS} --value-file {COUNT_FILE}"
    ))
}

/// The words of a text.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Each protocol on kubekv beside its real server; then kubekv on etcd and on Kubernetes, by one protocol or by all, beside etcd and the API
/// server asked directly.
fn measured(level: ReportLevel, on_api_server: bool, all_faces: bool) -> Vec<Deployment> {
    let mut all = deployments::docker();
    all.extend(deployments::of_each_face(Deployment::on_etcd, all_faces));
    all.extend(deployments::of_each_face(
        Deployment::on_kubernetes,
        all_faces,
    ));
    all.push(Deployment::real(TargetProtocol::Etcd3));
    if on_api_server && level != ReportLevel::Quick {
        all.push(Deployment::real(TargetProtocol::Kubernetes));
    }
    all
}

fn capacity(of: &Primitive, times: LevelTimes, deployments: &[Deployment]) -> PlanGroup {
    PlanGroup {
        key: of.key.to_owned(),
        title: of.title.to_owned(),
        shape: of.shape.to_owned(),
        command: LoadCommand::Operation(of.operation.to_owned()),
        arguments: words(of.arguments),
        row: of.operation.to_owned(),
        figure: GroupFigure::Rate,
        pace: GroupPace::Closed,
        series: None,
        rounds: if of.latency_from.is_some() {
            times.rounds
        } else {
            times.latency_rounds
        },
        seconds: times.seconds,
        warm_up: times.warm_up,
        deployments: deployments.to_vec(),
    }
}

fn latency(of: &Primitive, times: LevelTimes, deployments: &[Deployment]) -> PlanGroup {
    PlanGroup {
        key: format!("{}-latency", of.key),
        title: format!("{}: latency", of.title),
        figure: GroupFigure::P50,
        rounds: times.latency_rounds,
        pace: GroupPace::HalfOf(of.key.to_owned()),
        ..capacity(of, times, deployments)
    }
}

//! The stage of security: what each layer costs, one after another, beside real servers with theirs.

use super::level::ReportLevel;
use super::plan::{GroupFigure, GroupPace, LoadCommand, PlanGroup, PlanStage};
use super::primitives::words;
use crate::bench::field::{Deployment, SecurityLayer};
use crate::bench::target::TargetProtocol;

/// The layers of kubekv over Consul's API, each with the ones before but for the token, which takes the place of certificates.
const LAYERS: [SecurityLayer; 6] = [
    SecurityLayer::Plaintext,
    SecurityLayer::Tls,
    SecurityLayer::Certificates,
    SecurityLayer::Policy,
    SecurityLayer::Audit,
    SecurityLayer::Token,
];

/// The stage.
pub(super) fn stage(level: ReportLevel) -> Option<PlanStage> {
    if level == ReportLevel::Quick {
        return None;
    }
    let times = level.times();
    let group = |key: &str, title: &str, operation: &str, arguments: &str| PlanGroup {
        key: key.to_owned(),
        title: title.to_owned(),
        shape: "64 clients over kept connections, 256 bytes".to_owned(),
        command: LoadCommand::Operation(operation.to_owned()),
        arguments: words(arguments),
        row: operation.to_owned(),
        figure: GroupFigure::Rate,
        pace: GroupPace::Closed,
        series: None,
        rounds: times.rounds.min(2),
        seconds: times.seconds,
        warm_up: times.warm_up,
        deployments: deployments(),
    };
    let guarded = Deployment::embedded(TargetProtocol::Etcd2);
    let container = PlanGroup {
        shape: "2 hosts, 4 containers started or stopped a second, from when each was due"
            .to_owned(),
        command: LoadCommand::Docker,
        row: "container start".to_owned(),
        figure: GroupFigure::P50,
        seconds: times.docker_seconds,
        warm_up: 0.5,
        deployments: vec![guarded, guarded.with(SecurityLayer::Guard)],
        ..group(
            "layers-container",
            "Start a container, under the Docker guard",
            "docker",
            "--hosts 2 --start-within 0.2 --containers 4",
        )
    };
    Some(PlanStage {
        key: "security".to_owned(),
        title: "Security".to_owned(),
        fills: vec![words("--keys 1000 --prefix report/")],
        fill_seconds: 10,
        groups: vec![
            group(
                "layers-get",
                "Read a key, by layer of security",
                "get",
                "--clients 64 --prefix report/ --keys 1000 --no-fill",
            ),
            group(
                "layers-put",
                "Write a key of one's own, by layer of security",
                "put",
                "--clients 64 --prefix report-own/ --distribution own",
            ),
            container,
        ],
    })
}

fn deployments() -> Vec<Deployment> {
    let of = |protocol| [Deployment::embedded(protocol), Deployment::real(protocol)];
    let [ours, theirs] = of(TargetProtocol::Consul);
    let mut all: Vec<Deployment> = LAYERS.map(|layer| ours.with(layer)).to_vec();
    all.extend([theirs, theirs.with(SecurityLayer::AccessLists)]);
    let [ours, theirs] = of(TargetProtocol::Etcd2);
    all.extend([ours, ours.with(SecurityLayer::Audit)]);
    all.extend([theirs, theirs.with(SecurityLayer::AccessLists)]);
    all
}

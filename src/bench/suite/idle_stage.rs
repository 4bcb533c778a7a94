//! The stages of idle sessions and connections: the memory that each takes.

use super::deployments;
use super::level::ReportLevel;
use super::plan::{GroupFigure, GroupPace, LoadCommand, PlanGroup, PlanStage};
use super::primitives::words;
use super::scalability::grouped;
use crate::bench::field::Deployment;
use crate::bench::idle::IdleKind;
use crate::bench::target::TargetProtocol;

/// The sessions: all are there before the first of ZooKeeper ends.
const SESSIONS: u64 = 10_000;

/// The stages, each on new servers: memory that others have left free would be taken again.
pub(super) fn stages(level: ReportLevel) -> Vec<PlanStage> {
    let connections: u64 = match level {
        ReportLevel::Quick => return Vec::new(),
        ReportLevel::Standard => 2_000,
        ReportLevel::Full => 10_000,
    };
    let sessions = PlanGroup {
        shape: format!(
            "{} sessions that nobody renews, without connections of their own: of Consul; keys with a TTL of etcd v2, which has none; leases of \
             etcd v3; of ZooKeeper's clients that have disconnected",
            grouped(SESSIONS)
        ),
        seconds: 2.0,
        ..group(level, "sessions", IdleKind::Session, SESSIONS)
    };
    let connections = PlanGroup {
        shape: format!(
            "{} connections that are kept after one request each; on ZooKeeper's protocol each with its session",
            grouped(connections)
        ),
        seconds: 1.0,
        ..group(level, "connections", IdleKind::Connection, connections)
    };
    vec![
        stage("idle-sessions", "Idle sessions", sessions),
        stage("idle-connections", "Idle connections", connections),
    ]
}

fn stage(key: &str, title: &str, group: PlanGroup) -> PlanStage {
    PlanStage {
        key: key.to_owned(),
        title: title.to_owned(),
        fills: Vec::new(),
        fill_seconds: 0,
        groups: vec![group],
    }
}

fn group(level: ReportLevel, key: &str, kind: IdleKind, count: u64) -> PlanGroup {
    let mut deployments = deployments::docker();
    deployments.push(Deployment::real(TargetProtocol::Etcd3));
    PlanGroup {
        key: key.to_owned(),
        title: format!("Memory of a {}", kind.name()),
        shape: String::new(),
        command: LoadCommand::Idle,
        arguments: words(&format!("--{key} {count} --prefix idle/")),
        row: kind.name().to_owned(),
        figure: GroupFigure::Memory,
        pace: GroupPace::Closed,
        series: None,
        // What a first round has left free, a second one would take.
        rounds: 1,
        seconds: 0.0,
        warm_up: level.times().settle,
        deployments,
    }
}

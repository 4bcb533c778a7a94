//! The stage of the headline: how many Docker hosts one store carries.

use super::deployments;
use super::level::ReportLevel;
use super::plan::{CarriedSearch, GroupFigure, GroupPace, LoadCommand, PlanGroup, PlanStage};
use super::primitives::words;
use crate::bench::field::Deployment;
use crate::bench::target::TargetProtocol;

/// The times of the searches.
struct SearchTimes {
    /// How long a fleet is measured, in seconds.
    seconds: f64,
    /// How long a fleet may take altogether, in seconds.
    step: u64,
    /// How long the search with containers may take, in seconds.
    busy: u64,
    /// How long the one at rest may take, in seconds.
    rest: u64,
}

/// What both groups say of a host.
const HOST: &str =
    "Each host writes its node entry every 20 s, and watches the nodes and its networks.";

/// What both groups say of what is carried.
const RULE: &str = "The largest fleet of which every host started and nothing failed,";

impl SearchTimes {
    fn of(level: ReportLevel) -> Option<Self> {
        match level {
            ReportLevel::Quick => None,
            ReportLevel::Standard => Some(Self {
                seconds: 5.0,
                step: 25,
                busy: 55,
                rest: 20,
            }),
            ReportLevel::Full => Some(Self {
                seconds: 40.0,
                step: 120,
                busy: 500,
                rest: 150,
            }),
        }
    }

    fn search(&self, seconds: u64, after: Option<&str>) -> CarriedSearch {
        CarriedSearch {
            first: 100,
            step_seconds: self.step,
            search_seconds: seconds,
            after: after.map(str::to_owned),
        }
    }
}

/// The stage.
pub(super) fn stage(level: ReportLevel) -> Option<PlanStage> {
    let times = SearchTimes::of(level)?;
    let group = |key: &str, title: &str, row: &str, arguments: &str, search| PlanGroup {
        key: key.to_owned(),
        title: title.to_owned(),
        shape: String::new(),
        command: LoadCommand::Carried(search),
        arguments: words(arguments),
        row: row.to_owned(),
        figure: GroupFigure::Hosts,
        pace: GroupPace::Closed,
        series: None,
        rounds: 1,
        seconds: times.seconds,
        warm_up: 1.0,
        deployments: carriers(),
    };
    let busy = PlanGroup {
        shape: format!(
            "{HOST} One container starts and one stops somewhere each second. {RULE} and p99 of container starts was within 1 s."
        ),
        ..group(
            "hosts",
            "Docker hosts that one store carries",
            "container start",
            "--networks 1 --containers 2",
            times.search(times.busy, None),
        )
    };
    let rest = PlanGroup {
        shape: format!(
            "{HOST} No container starts. {RULE} and p99 of heartbeats was within 1 s; no fewer than with containers."
        ),
        ..group(
            "hosts-at-rest",
            "Docker hosts at rest that one store carries",
            "heartbeat",
            "--networks 1 --containers 0",
            times.search(times.rest, Some("hosts")),
        )
    };
    Some(PlanStage {
        key: "fleet".to_owned(),
        title: "Docker hosts carried".to_owned(),
        fills: Vec::new(),
        fill_seconds: 0,
        groups: vec![busy, rest],
    })
}

fn carriers() -> Vec<Deployment> {
    let mut all = deployments::docker();
    all.push(Deployment::on_etcd(TargetProtocol::Etcd2));
    all.push(Deployment::on_kubernetes(TargetProtocol::Etcd2));
    all
}

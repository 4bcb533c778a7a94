//! The groups of take-overs: how long clients have no answer when the process that they ask ends.

use super::deployments;
use super::load_runner::{READ, WRITE};
use super::plan::{GroupFigure, GroupPace, LoadCommand, PlanGroup, SeriesPoint};
use crate::bench::field::{Deployment, ProcessEnd};

/// What all of them say.
const ASKED: &str = "the longest time without an answer to a client that asks again at once";

/// The entries that a server reads in a second when it begins, in a plan.
const READS: u64 = 50_000;

/// The groups beside so many entries, which titles say so.
pub(super) fn groups(size: u64, present: &str) -> Vec<PlanGroup> {
    let all = deployments::one_of_each();
    let mut shared = all.clone();
    shared.retain(|one| one.system.has_standby());
    let killed = TakeOverGroup {
        end: ProcessEnd::Killed,
        key: "entries-take-over",
        title: "after a leader was killed",
        shape: "the leader is killed, and a gateway that stands by takes over; a server that is alone is killed and started again \
                at once, as its machine does if it is still there",
        deployments: all,
    };
    let stopped = TakeOverGroup {
        end: ProcessEnd::Stopped,
        key: "entries-hand-over",
        title: "while a leader stops",
        shape: "the leader is asked to stop, and hands over to a gateway that stands by; a server that is alone has nobody for that: its \
                start is in another row",
        deployments: shared,
    };
    [killed, stopped]
        .iter()
        .flat_map(|of| of.groups(size, present))
        .collect()
}

/// A way in which a leader ends.
struct TakeOverGroup {
    end: ProcessEnd,
    key: &'static str,
    title: &'static str,
    shape: &'static str,
    deployments: Vec<Deployment>,
}

impl TakeOverGroup {
    /// Writes, and reads in the same rounds.
    fn groups(&self, size: u64, present: &str) -> [PlanGroup; 2] {
        let group = |key: String, title: &str, row: &str, pace: GroupPace| PlanGroup {
            title: format!("{title} {}, {present}", self.title),
            shape: format!("{ASKED}: {}", self.shape),
            command: LoadCommand::TakeOver(self.end),
            arguments: Vec::new(),
            row: row.to_owned(),
            figure: GroupFigure::P50,
            pace,
            series: Some(SeriesPoint {
                key: key.clone(),
                of: "entries".to_owned(),
                size,
            }),
            rounds: 1,
            seconds: f64::from(u32::try_from(size / READS).unwrap_or(u32::MAX)),
            warm_up: 0.0,
            deployments: self.deployments.clone(),
            key,
        };
        let same = GroupPace::SameRounds(self.key.to_owned());
        [
            group(self.key.to_owned(), "Writes", WRITE, GroupPace::Closed),
            group(format!("{}-read", self.key), "Reads", READ, same),
        ]
    }
}

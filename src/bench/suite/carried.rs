//! The search for the number of Docker hosts that a deployment carries: fleets that grow until one is too many, and then those
//! between.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

use super::carried_step::CarriedStep;
use super::child;
use super::error::SuiteError;
use super::load_runner::LoadRunner;
use super::overload::overload;
use super::plan::{CarriedSearch, PlanGroup};
use super::record::RoundRecord;
use crate::bench::field::{FieldError, RunningDeployment};

/// How much larger the next fleet is, while all were carried.
const GROWTH: u64 = 4;

/// The fewest hosts that are tried.
const FEWEST: u64 = 5;

/// The search ends where a fleet that is too large has at most so many hundredths of the hosts of one that is carried.
const CLOSE_PERCENT: u64 = 125;

/// The hosts that start in a second.
const STARTED_A_SECOND: u64 = 500;

/// The longest time over which they start, in seconds.
const LONGEST_START: u64 = 5;

/// The connections of a host, as `kubekv bench docker` counts them.
const CONNECTIONS: u64 = 4;

/// The files that are open besides connections, or kept for other things by a server.
const OTHER_FILES: u64 = 600;

/// What came of a search.
#[derive(Debug)]
pub(super) struct CarriedFound {
    /// The round of the largest fleet that was carried.
    pub(super) best: Option<RoundRecord>,
    /// All fleets, in order.
    pub(super) steps: Vec<CarriedStep>,
    /// What ended the search.
    pub(super) stopped_by: String,
}

/// What is known during a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KnownSizes {
    /// The most hosts that are carried; 0 if none is known to be.
    carried: u64,
    /// The fewest that are too many.
    too_many: Option<u64>,
    /// The most that may be tried.
    most: u64,
}

impl KnownSizes {
    /// The hosts of the next fleet; `None` at the end of the search.
    fn next(self, first: u64) -> Option<u64> {
        let Some(too_many) = self.too_many else {
            return match self.carried {
                0 => Some(first.min(self.most)),
                carried if carried >= self.most => None,
                carried => Some(carried.saturating_mul(GROWTH).min(self.most)),
            };
        };
        if self.carried == 0 {
            return Some(too_many / GROWTH).filter(|fewer| *fewer >= FEWEST);
        }
        if too_many.saturating_mul(100) <= self.carried.saturating_mul(CLOSE_PERCENT) {
            return None;
        }
        let between = self.carried.saturating_mul(too_many).isqrt();
        let rounded = rounded(between);
        (self.carried < rounded && rounded < too_many).then_some(rounded)
    }
}

/// A number with two digits and zeros.
fn rounded(number: u64) -> u64 {
    let mut unit = 1;
    while number / unit >= 100 {
        unit *= 10;
    }
    number / unit * unit
}

/// The most hosts that one process can simulate, and one server serve.
fn most_hosts() -> u64 {
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
    files.saturating_sub(OTHER_FILES) / CONNECTIONS
}

/// Searches. `carried` are hosts that are carried for sure, because they are with a load that is no less.
pub(super) fn search(
    runner: LoadRunner<'_>,
    group: &PlanGroup,
    bounds: &CarriedSearch,
    server: &mut RunningDeployment,
    carried: Option<&RoundRecord>,
) -> Result<CarriedFound, SuiteError> {
    let until = Instant::now() + Duration::from_secs(bounds.search_seconds);
    let step_limit = Duration::from_secs(bounds.step_seconds);
    let mut known = KnownSizes {
        carried: carried.map_or(0, hosts_of),
        too_many: None,
        most: most_hosts(),
    };
    let mut found = CarriedFound {
        best: carried.cloned(),
        steps: Vec::new(),
        stopped_by: String::new(),
    };
    // The longest fleet so far: the next one takes no less.
    let mut longest = Duration::ZERO;
    while let Some(hosts) = known.next(bounds.first) {
        let began = Instant::now();
        if began + longest > until && !found.steps.is_empty() {
            break;
        }
        let within = (hosts / STARTED_A_SECOND)
            .clamp(1, LONGEST_START)
            .to_string();
        let arguments = child::fleet_arguments(group, &server.target, &hosts.to_string(), &within);
        let round = match runner.round(arguments, server, step_limit) {
            Ok(round) => Ok(round),
            Err(SuiteError::Field(FieldError::TooLong { seconds, .. })) => {
                Err(format!("it did not start and stop within {seconds} s"))
            }
            Err(SuiteError::Load(why)) => Err(why),
            Err(error @ (SuiteError::Field(_) | SuiteError::Ended(_) | SuiteError::Save(_))) => {
                return Err(error);
            }
        };
        longest = longest.max(began.elapsed());
        let step = step(hosts, &round, group);
        if step.overload.is_none() {
            known.carried = hosts;
            found.best = round.ok();
        } else {
            known.too_many = Some(hosts);
        }
        found.steps.push(step);
    }
    found.stopped_by = stopped_by(known, &found.steps);
    Ok(found)
}

fn hosts_of(round: &RoundRecord) -> u64 {
    round
        .result
        .docker
        .as_ref()
        .map_or(0, |docker| docker.hosts)
}

fn step(hosts: u64, round: &Result<RoundRecord, String>, group: &PlanGroup) -> CarriedStep {
    let round = match round {
        Ok(round) => round,
        Err(why) => {
            return CarriedStep {
                hosts,
                overload: Some(why.clone()),
                p99_us: None,
                server_cores: None,
                client_cores: None,
                other_load: None,
            };
        }
    };
    let result = &round.result;
    let cores = |seconds: f64| seconds / result.load.seconds.max(1e-9);
    let row = result.operations.get(&group.row);
    CarriedStep {
        hosts,
        overload: overload(result, &group.row, hosts),
        p99_us: row
            .filter(|row| row.answered > 0)
            .map(|row| row.latency.p99_us),
        server_cores: result.server.as_ref().map(|used| cores(used.cpu_seconds)),
        client_cores: Some(cores(result.client.cpu_seconds)),
        other_load: Some(round.other_load),
    }
}

/// What keeps the deployment from more, in words.
fn stopped_by(known: KnownSizes, steps: &[CarriedStep]) -> String {
    let Some(too_many) = known.too_many else {
        if known.carried >= known.most {
            return format!(
                "open files: a process may have no more than {} hosts need",
                known.most
            );
        }
        return "the time of the search: more may be carried".to_owned();
    };
    let Some(step) = steps.iter().find(|step| step.hosts == too_many) else {
        return String::new();
    };
    let why = step.overload.clone().unwrap_or_default();
    let used = step.server_cores.zip(step.client_cores);
    let used = used.map_or_else(String::new, |(server, hosts)| {
        let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        format!("; of {all} processors the server used {server:.1}, the hosts {hosts:.1}")
    });
    format!("{too_many} hosts: {why}{used}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that are tried where so many hosts are carried, and the answer.
    fn tried(limit: u64, most: u64) -> (Vec<u64>, u64) {
        let mut known = KnownSizes {
            carried: 0,
            too_many: None,
            most,
        };
        let mut sizes = Vec::new();
        while let Some(hosts) = known.next(100) {
            sizes.push(hosts);
            if hosts <= limit {
                known.carried = hosts;
            } else {
                known.too_many = Some(hosts);
            }
        }
        (sizes, known.carried)
    }

    #[test]
    fn fleets_grow_until_one_is_too_large_and_then_come_close_to_it() {
        assert_eq!(
            tried(1_000, 4_900),
            (vec![100, 400, 1_600, 800, 1_100, 930], 930)
        );
        assert_eq!(tried(9_999, 4_900), (vec![100, 400, 1_600, 4_900], 4_900));
        assert_eq!(tried(40, 4_900).1, 35);
        assert_eq!(tried(1, 4_900), (vec![100, 25, 6], 0));
    }
}

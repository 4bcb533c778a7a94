//! The judgement whether a server carries a fleet of Docker hosts.

use std::collections::BTreeMap;

use crate::bench::docker::DockerStep;
use crate::bench::report::{DockerSummary, OperationResult, RunResult};

/// The latency that no more than one of 100 may exceed, in microseconds.
const LONGEST_US: f64 = 1e6;

/// The time between two heartbeats of a host of such a fleet, in seconds.
pub(super) const HEARTBEAT: u32 = 20;

/// The containers that are started or stopped a second: one of two is a start.
pub(super) const EVENTS: u32 = 2;

/// The share of what was due that must have been answered: the rest is still on its way at the end.
const ANSWERED: f64 = 0.8;

/// Why a fleet is not carried, or none: a host failed to start or failed later, or one of 100 of what is measured took more than a
/// second from when it was due, or has not ended at all.
pub(super) fn overload(result: &RunResult, row: &str, hosts: u64) -> Option<String> {
    let docker = result.docker.as_ref()?;
    if let Some(why) = failed(&docker.start).or_else(|| failed(&result.operations)) {
        return Some(why);
    }
    let started = answered(&docker.start, DockerStep::DaemonStart.name());
    if started < hosts {
        return Some(format!("{started} of {hosts} hosts started"));
    }
    let measured = result.operations.get(row).filter(|row| row.answered > 0);
    let Some(measured) = measured else {
        return Some(format!("no {row} was answered"));
    };
    let longest = measured.latency.p99_us;
    if longest > LONGEST_US {
        let seconds = longest / 1e6;
        return Some(format!("p99 of {row}: {seconds:.1} s"));
    }
    let (due, done) = progress(result, docker, row);
    (done < due * ANSWERED).then(|| format!("{done:.0} of {due:.0} due had ended"))
}

/// How many events were due in time to end within a second, and how many ended.
fn progress(result: &RunResult, docker: &DockerSummary, row: &str) -> (f64, f64) {
    let seconds = (result.load.seconds - 1.0).max(0.0);
    let count = |name: DockerStep| float(answered(&result.operations, name.name()));
    if row == DockerStep::Heartbeat.name() {
        let due = float(docker.hosts) * seconds / f64::from(HEARTBEAT);
        return (due.floor(), count(DockerStep::Heartbeat));
    }
    let done = count(DockerStep::ContainerStart) + count(DockerStep::ContainerStop);
    ((f64::from(EVENTS) * seconds).floor(), done)
}

fn answered(of: &BTreeMap<String, OperationResult>, name: &str) -> u64 {
    of.get(name).map_or(0, |one| one.answered)
}

/// The first failure of a step.
fn failed(steps: &BTreeMap<String, OperationResult>) -> Option<String> {
    steps.iter().find_map(|(name, step)| {
        let (why, count) = step.failures.iter().next()?;
        Some(format!("{count} of {name} failed: {why}"))
    })
}

fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::measure::OperationRecord;

    /// A step that was done so often, each within so many milliseconds.
    fn done(count: u64, ms: u64) -> OperationResult {
        let mut record = OperationRecord::default();
        for _ in 0..count {
            record.record_latency(Duration::from_millis(ms));
        }
        OperationResult::new(&record, 6.0)
    }

    /// A fleet of 100 hosts in 6 s, whose containers start so.
    fn fleet(started: OperationResult) -> RunResult {
        let mut result = RunResult::empty("etcd2://127.0.0.1:1".to_owned(), 6.0);
        result.operations = [
            ("container start".to_owned(), started),
            ("container stop".to_owned(), done(5, 5)),
            ("heartbeat".to_owned(), done(30, 2)),
        ]
        .into();
        result.docker = Some(DockerSummary {
            hosts: 100,
            start: [("daemon start".to_owned(), done(100, 8))].into(),
            ..DockerSummary::default()
        });
        result
    }

    fn why(result: &RunResult) -> String {
        overload(result, "container start", 100).unwrap_or_default()
    }

    #[test]
    fn a_fleet_whose_containers_start_in_time_is_carried() {
        let carried = fleet(done(6, 900));
        assert_eq!(why(&carried), "");
        assert_eq!(overload(&carried, "heartbeat", 100), None);
    }

    #[test]
    fn a_fleet_that_is_too_large_says_why() {
        assert_eq!(why(&fleet(done(6, 1_200))), "p99 of container start: 1.2 s");
        assert_eq!(why(&fleet(done(0, 1))), "no container start was answered");
        assert_eq!(why(&fleet(done(1, 9))), "6 of 10 due had ended");
        let mut some = fleet(done(6, 9));
        let start = &mut some.docker.as_mut().unwrap().start;
        start.insert("daemon start".to_owned(), done(99, 8));
        assert_eq!(why(&some), "99 of 100 hosts started");
        let mut failing = fleet(done(6, 9));
        let heartbeat = failing.operations.get_mut("heartbeat").unwrap();
        heartbeat.failures.insert("timeout".to_owned(), 3);
        assert_eq!(why(&failing), "3 of heartbeat failed: timeout");
    }
}

//! The bystander: `kubekv bench` with 8 connections of 50 requests a second each, GETs and PUTs of their own keys in equal
//! parts, in an open loop.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use kubekv::bench::measure::Latencies;
use kubekv::bench::report::RunResult;
use serde::{Deserialize, Serialize};

use super::process::Process;
use super::server::Server;
use crate::attacks::AttackedFace;
use crate::client::certificates::bench_options;
use crate::keeper::BYSTANDER;

/// The seconds that an operation may take before it failed.
const TIMEOUT: &str = "10";

/// The longest time of a run.
const PATIENCE: Duration = Duration::from_secs(120);

/// The time in which an answer is in time, in microseconds.
const IN_TIME_US: f64 = 1e6;

/// The seconds of a run before it is measured.
pub(super) const WARM_UP: f64 = 1.0;

/// What the bystander saw.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// Half of all that was due was answered so fast, in milliseconds; `None`: not within 10 s.
    pub(crate) p50_ms: Option<f64>,
    /// The same for 99 of 100.
    pub(crate) p99_ms: Option<f64>,
    /// The share that was answered within a second, without an error.
    pub(crate) in_time: f64,
    /// How many were due.
    pub(crate) due: u64,
    /// The longest time without a success, in milliseconds.
    pub(crate) longest_gap_ms: f64,
    /// The failures by their text.
    pub(crate) failures: BTreeMap<String, u64>,
}

/// Starts a run of so many seconds.
pub(super) fn spawn(
    program: &Path,
    face: AttackedFace,
    server: &Server,
    seconds: f64,
    fills: bool,
) -> Process {
    let scheme = match face {
        AttackedFace::Consul => "consul",
        AttackedFace::Etcd => "etcd2",
    };
    let mut command = Command::new(program);
    command
        .args(["bench", "mix"])
        .arg(format!("{scheme}://{}", server.target.address))
        .args(["--weights", "get=50,put=50", "--distribution", "own"])
        .args(["--prefix", "bystander/", "--keys", "8"])
        .args(["--clients", "8", "--rate", "400", "--threads", "1"])
        .args(["--bind", &BYSTANDER.to_string(), "--timeout", TIMEOUT])
        .args(["--warm-up", &WARM_UP.to_string()])
        .args(["--duration", &seconds.to_string()])
        .args(["--quiet", "--json", "-"]);
    if let Some(directory) = &server.certificates {
        command.args(bench_options(directory));
    }
    if !fills {
        command.arg("--no-fill");
    }
    Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::null()))
}

/// Waits for the end of a run.
pub(super) async fn end(process: Process) -> Seen {
    let output = process.output(PATIENCE).await;
    let result = output.and_then(|output| serde_json::from_slice(&output.stdout).ok());
    // Without a result it could not even begin.
    result.map_or_else(Seen::default, |result| Seen::of(&result))
}

impl Seen {
    fn of(result: &RunResult) -> Self {
        let mut latencies = Latencies::new();
        let mut failures = BTreeMap::new();
        for operation in result.operations.values() {
            latencies.add(&Latencies::decode(&operation.latency.histogram).unwrap());
            for (failure, count) in &operation.failures {
                *failures.entry(failure.clone()).or_default() += count;
            }
        }
        let failed: u64 = failures.values().sum::<u64>() + result.not_sent;
        let due = latencies.count() + failed;
        Self {
            p50_ms: quantile(&latencies, due, 0.5),
            p99_ms: quantile(&latencies, due, 0.99),
            in_time: in_time(&latencies) as f64 / due.max(1) as f64,
            due,
            longest_gap_ms: result.longest_gap_ms,
            failures,
        }
    }
}

/// The latency of this share of all that was due, in milliseconds; `None` where fewer were answered.
fn quantile(latencies: &Latencies, due: u64, share: f64) -> Option<f64> {
    let rank = (due as f64 * share).ceil();
    let answered = latencies.count() as f64;
    (rank <= answered && answered > 0.0).then(|| latencies.quantile_us(rank / answered) / 1e3)
}

/// How many were answered in time: found by halves, since only quantiles can be asked for.
fn in_time(latencies: &Latencies) -> u64 {
    let all = latencies.count();
    let (mut low, mut high) = (0, all);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let latency = latencies.quantile_us(middle as f64 / all as f64);
        if latency <= IN_TIME_US {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

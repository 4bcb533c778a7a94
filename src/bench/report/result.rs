//! The result of a run, as JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::docker::DockerSummary;
use super::machine::Machine;
use super::operation::{OperationResult, ratio};
use crate::bench::idle::{IdleMeasured, IdleSummary};
use crate::bench::measure::{ClientLoad, Latencies, Limit, OperationRecord, ServerUse};
use crate::bench::run::Measured;
use crate::bench::watch::{WatchMeasured, WatchSummary};

/// The version of this format.
pub(super) const FORMAT: u32 = 1;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunResult {
    /// The version of this format.
    pub kubekv_bench: u32,
    /// The version of kubekv.
    pub version: String,
    /// The target, without secrets.
    pub target: String,
    /// The load.
    pub load: LoadSummary,
    /// The machine.
    pub machine: Machine,
    /// By the name of the operation.
    pub operations: BTreeMap<String, OperationResult>,
    /// The load on the client.
    pub client: ClientResult,
    /// The server process, with `--pid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerResult>,
    /// The counts of watchers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<WatchSummary>,
    /// The simulated Docker hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docker: Option<DockerSummary>,
    /// Connections or sessions that did nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<IdleSummary>,
    /// How many operations were due, and no client was free to send them, until the end. They are in no other figure.
    #[serde(default)]
    pub not_sent: u64,
    /// The longest time in which no operation succeeded, in milliseconds; 0 with watchers and Docker hosts.
    pub longest_gap_ms: f64,
    /// What limited the run other than the server: `client`, `machine` or `lateness`.
    pub limited_by: Option<String>,
}

/// The load of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadSummary {
    /// The arguments of the command.
    pub arguments: Vec<String>,
    /// When it began, in milliseconds since 1970.
    pub started_ms: i64,
    /// The clients.
    pub clients: u32,
    /// The operations that each client had in flight, where that were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<u32>,
    /// The operations due per second; none where each client waits for its answer.
    pub rate: Option<f64>,
    /// How long it was measured, in seconds.
    pub seconds: f64,
}

/// The load on the client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientResult {
    /// The processor time of its threads, in seconds.
    pub cpu_seconds: f64,
    /// The share of the time that its busiest thread ran.
    pub busiest_thread: f64,
    /// The share of the time that this thread waited for a processor.
    pub waited_for_processor: f64,
    /// Half of the operations were sent this late, or less, though a connection was free, in microseconds.
    pub lateness_p50_us: f64,
    /// The same for 99 of 100.
    pub lateness_p99_us: f64,
    /// The same for all.
    pub lateness_max_us: f64,
}

/// The use of the machine by the server process while it was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerResult {
    /// The processor time, in seconds.
    pub cpu_seconds: f64,
    /// The processor time of one operation, in microseconds.
    pub cpu_us_per_operation: f64,
    /// The resident memory before, in bytes.
    pub resident_bytes_before: u64,
    /// The resident memory after, in bytes.
    pub resident_bytes_after: u64,
    /// The bytes written to disk.
    pub written_bytes: u64,
}

impl RunResult {
    /// The result of a measured run.
    pub fn new(target: String, load: LoadSummary, measured: &Measured) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let mut all = Latencies::new();
        let mut answered = 0;
        let mut operations = BTreeMap::new();
        for (operation, record) in &measured.recorder.operations {
            all.add(&record.latency);
            answered += record.answered;
            let result = OperationResult::new(record, seconds);
            operations.insert(operation.name().to_owned(), result);
        }
        let limit = measured.client.limit(all.quantile_us(0.99));
        Self {
            kubekv_bench: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            load: LoadSummary { seconds, ..load },
            machine: Machine::this(),
            operations,
            client: ClientResult::new(&measured.client),
            server: measured
                .server
                .map(|(before, after)| ServerResult::new(before, after, answered)),
            watch: None,
            docker: None,
            idle: None,
            not_sent: measured.not_sent,
            longest_gap_ms: measured.longest_gap.as_secs_f64() * 1e3,
            limited_by: limit.map(|limit| Limit::name(limit).to_owned()),
        }
    }
}

impl RunResult {
    /// A result in which nothing was measured yet.
    pub fn empty(target: String, seconds: f64) -> Self {
        Self {
            kubekv_bench: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            load: LoadSummary {
                seconds,
                ..LoadSummary::default()
            },
            machine: Machine::this(),
            operations: BTreeMap::new(),
            client: ClientResult::default(),
            server: None,
            watch: None,
            docker: None,
            idle: None,
            not_sent: 0,
            longest_gap_ms: 0.0,
            limited_by: None,
        }
    }

    /// The result of watchers.
    pub fn of_watchers(target: String, load: LoadSummary, measured: &WatchMeasured) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let records = [
            ("put", &measured.writes),
            ("event", &measured.events),
            ("last event", &measured.last_events),
        ];
        let of = |(name, record): (&str, &OperationRecord)| {
            (name.to_owned(), OperationResult::new(record, seconds))
        };
        let (spent, time) = measured.client;
        let client = ClientLoad::of_threads([spent], time);
        let events = measured.events.answered;
        Self {
            kubekv_bench: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target,
            load: LoadSummary { seconds, ..load },
            machine: Machine::this(),
            operations: records.into_iter().map(of).collect(),
            limited_by: client.limit(f64::MAX).map(|limit| limit.name().to_owned()),
            client: ClientResult::new(&client),
            server: measured
                .server
                .map(|(before, after)| ServerResult::new(before, after, events)),
            watch: Some(measured.summary.clone()),
            docker: None,
            idle: None,
            not_sent: 0,
            longest_gap_ms: 0.0,
        }
    }
}

impl RunResult {
    /// The result of idle connections or sessions.
    pub fn of_idle(target: String, load: LoadSummary, measured: &IdleMeasured) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let (opened, kind) = (&measured.opened, measured.summary.kind);
        let row = OperationResult::new(opened, seconds);
        Self {
            load: LoadSummary { seconds, ..load },
            operations: [(kind.name().to_owned(), row)].into(),
            server: measured
                .server
                .map(|(before, after)| ServerResult::new(before, after, opened.answered)),
            idle: Some(measured.summary.clone()),
            ..Self::empty(target, seconds)
        }
    }
}

impl ClientResult {
    /// The result of the load on a client.
    pub fn new(load: &ClientLoad) -> Self {
        Self {
            cpu_seconds: load.cpu.as_secs_f64(),
            busiest_thread: load.busiest,
            waited_for_processor: load.waited,
            lateness_p50_us: load.lateness.quantile_us(0.5),
            lateness_p99_us: load.lateness.quantile_us(0.99),
            lateness_max_us: load.lateness.max_us(),
        }
    }
}

impl ServerResult {
    /// The difference of two looks at a process.
    pub fn new(before: ServerUse, after: ServerUse, answered: u64) -> Self {
        let cpu_seconds = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        Self {
            cpu_seconds,
            cpu_us_per_operation: match answered {
                0 => 0.0,
                _ => cpu_seconds * 1e6 / ratio(answered, 1.0),
            },
            resident_bytes_before: before.resident_bytes,
            resident_bytes_after: after.resident_bytes,
            written_bytes: after.written_bytes.saturating_sub(before.written_bytes),
        }
    }
}

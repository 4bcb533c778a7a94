//! Watchers, with their writer.

use std::time::Duration;

use clap::Args;
use kubekv::bench::keys::KeyShape;
use kubekv::bench::measure::ServerProcesses;
use kubekv::bench::report::RunResult;
use kubekv::bench::value::ValueShape;
use kubekv::bench::watch::{self, WatchKind, WatchOptions};

use super::connections;
use super::key_arguments::require_prefix;
use super::load::{positive, seconds};
use super::output::{self, Output};
use super::target::TargetArguments;
use crate::cli::exit::CommandError;

/// The options of watchers.
#[derive(Debug, Args)]
pub(super) struct Watch {
    #[command(flatten)]
    target: TargetArguments,
    /// The number of watchers, each with a connection of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    watchers: u32,
    /// The number of keys that they wait for, spread over them
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    keys: u64,
    /// The text that all keys begin with. They stay when the run ends
    #[arg(long, value_name = "TEXT", default_value = "kubekv-bench/")]
    prefix: String,
    /// Writes due per second; without it the next is made when all watchers of the last are woken
    #[arg(long, value_name = "PER_SECOND", value_parser = positive)]
    rate: Option<f64>,
    /// How long keys are written, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = positive)]
    duration: f64,
    /// The most writes; 0 for no bound
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    writes: u64,
    /// How long a watcher has to begin, a write to be answered, and a watcher to be woken, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = positive)]
    timeout: f64,
    /// The length of values, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    value_bytes: u32,
    /// How long the server has to receive the last waiting requests, and at the end to wake watchers that it should not, in
    /// seconds each
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    settle: f64,
    /// A process of the server, whose memory and processor time are reported; several are added
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    #[command(flatten)]
    output: Output,
}

impl Watch {
    pub(super) fn run(self, kind: WatchKind) -> Result<(), CommandError> {
        require_prefix(&self.prefix)?;
        let target = self.target.resolve()?;
        connections::allow(self.watchers)?;
        let options = WatchOptions {
            kind,
            watchers: self.watchers,
            keys: KeyShape {
                prefix: self.prefix,
                count: self.keys,
                per_directory: 0,
                width: 8,
            },
            value: ValueShape::Changing(usize::try_from(self.value_bytes).unwrap_or(usize::MAX)),
            rate: self.rate,
            duration: Duration::from_secs_f64(self.duration),
            writes: self.writes,
            timeout: Duration::from_secs_f64(self.timeout),
            settle: Duration::from_secs_f64(self.settle),
            server: ServerProcesses(self.pid),
        };
        let summary = output::summary(options.watchers, options.rate);
        let progress = |line: &str| self.output.progress_line(line);
        let measured = watch::measure(&target, &options, &progress)?;
        let result = RunResult::of_watchers(target.name(), summary, &measured);
        self.output.print(&result)?;
        output::require_answers(&result)
    }
}

//! Loads of operations on keys.

use std::time::Duration;

use clap::{Args, ValueEnum};
use kubekv::bench::measure::ServerProcesses;
use kubekv::bench::operation::{Operation, OperationMix};
use kubekv::bench::pace::Arrivals;
use kubekv::bench::report::RunResult;
use kubekv::bench::run::{self, LoadOptions, Pace, RunError};

use super::choice_arguments::ChoiceArguments;
use super::key_arguments::KeyArguments;
use super::output::{self, Output};
use super::target::TargetArguments;
use super::{connections, unused};
use crate::cli::exit::{CommandError, IO, UNREACHABLE, USAGE};

/// The most threads.
const MOST_THREADS: i64 = 256;

/// The options of a load of one operation.
#[derive(Debug, Args)]
pub(super) struct Load {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    pace: PaceArguments,
    #[command(flatten)]
    keys: KeyArguments,
    #[command(flatten)]
    choice: ChoiceArguments,
    #[command(flatten)]
    output: Output,
}

/// The options of a load of several operations.
#[derive(Debug, Args)]
pub(super) struct Mix {
    /// The operations and their shares: OPERATION=WEIGHT[,OPERATION=WEIGHT...], for example list=99,put=1
    #[arg(long, value_name = "SHARES")]
    weights: OperationMix,
    #[command(flatten)]
    load: Load,
}

/// How many clients, how fast, for how long.
#[derive(Debug, Args)]
struct PaceArguments {
    /// The number of clients, each with a connection of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    clients: u32,
    /// The operations that each client has in flight over its connection: above 1 with ZooKeeper alone
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pipeline: u32,
    /// Operations due per second, whether or not earlier ones were answered; without it each client waits for its answer
    #[arg(long, value_name = "PER_SECOND", value_parser = positive)]
    rate: Option<f64>,
    /// The times between operations with --rate
    #[arg(long, value_name = "KIND", default_value = "even", requires = "rate")]
    arrivals: ArrivalsArgument,
    /// The threads of the clients; by default half of the processors
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=MOST_THREADS))]
    threads: Option<u32>,
    /// How long it is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = positive)]
    duration: f64,
    /// How long the load lasts before it is measured, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    warm_up: f64,
    /// How long an operation may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = positive)]
    timeout: f64,
    /// A process of the server, whose processor time, memory and writes are reported; several are added
    #[arg(long, value_name = "PID")]
    pid: Vec<u32>,
    /// The seed of all choices
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ArrivalsArgument {
    /// Each as long after the one before
    Even,
    /// As independent clients send: a Poisson process
    Poisson,
}

impl Load {
    pub(super) fn run(self, operation: Operation) -> Result<(), CommandError> {
        self.run_mix(OperationMix::only(operation))
    }

    fn run_mix(self, mix: OperationMix) -> Result<(), CommandError> {
        let target = self.target.resolve()?;
        unused::refuse_of_protocol(target.protocol, &mix, self.pace.pipeline)?;
        let server = ServerProcesses(self.pace.pid.clone());
        let options = options(mix, &self.pace, &self.keys, self.choice)?;
        connections::allow(options.clients)?;
        let rate = match options.pace {
            Pace::Closed => None,
            Pace::Open(rate, _) => Some(rate),
        };
        let mut summary = output::summary(options.clients, rate);
        summary.pipeline = Some(options.pipeline).filter(|several| *several > 1);
        let progress = self.output.progress();
        let measured = run::run(&target, options, &server, &progress).map_err(|error| {
            let code = match error {
                RunError::Fill(_) => UNREACHABLE,
                RunError::Thread(_) => IO,
                RunError::NoServer(_) => USAGE,
            };
            CommandError::new(code, error.to_string())
        })?;
        let result = RunResult::new(target.name(), summary, &measured);
        self.output.print(&result)?;
        output::require_answers(&result)
    }
}

impl Mix {
    pub(super) fn run(self) -> Result<(), CommandError> {
        self.load.run_mix(self.weights)
    }
}

fn options(
    mix: OperationMix,
    pace: &PaceArguments,
    keys: &KeyArguments,
    choice: ChoiceArguments,
) -> Result<LoadOptions, CommandError> {
    unused::refuse(&mix, keys, &choice)?;
    let half = std::thread::available_parallelism().map_or(1, |all| all.get() / 2);
    let threads = pace
        .threads
        .unwrap_or_else(|| u32::try_from(half.max(1)).unwrap_or(1));
    Ok(LoadOptions {
        mix,
        clients: pace.clients,
        pipeline: pace.pipeline,
        threads: threads.min(pace.clients),
        pace: match pace.rate {
            None => Pace::Closed,
            Some(rate) => Pace::Open(rate, pace.arrivals.into()),
        },
        keys: keys.shape()?,
        distribution: choice.distribution(),
        value: keys.value()?,
        fill: !choice.no_fill,
        warm_up: Duration::from_secs_f64(pace.warm_up),
        duration: Duration::from_secs_f64(pace.duration),
        timeout: Duration::from_secs_f64(pace.timeout),
        consistency: choice.consistency(),
        key: choice.key,
        seed: pace.seed,
    })
}

/// Seconds between 0 and a day.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("want a number between 0 and 86400".to_owned()),
    }
}

/// A number above 0, at most ten million.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (0.001..=1e7).contains(&number) => Ok(number),
        _ => Err("want a number between 0.001 and 10000000".to_owned()),
    }
}

impl From<ArrivalsArgument> for Arrivals {
    fn from(argument: ArrivalsArgument) -> Self {
        match argument {
            ArrivalsArgument::Even => Self::Even,
            ArrivalsArgument::Poisson => Self::Poisson,
        }
    }
}

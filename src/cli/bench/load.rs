//! Loads of operations on keys.

use std::time::Duration;

use clap::{Args, ValueEnum};
use kubekv::bench::client::Consistency;
use kubekv::bench::keys::Distribution;
use kubekv::bench::operation::{Operation, OperationMix};
use kubekv::bench::pace::Arrivals;
use kubekv::bench::report::{LoadSummary, RunResult};
use kubekv::bench::run::{self, LoadOptions, Pace};
use kubekv::model::time;

use super::files;
use super::key_arguments::KeyArguments;
use super::output::Output;
use super::target::TargetArguments;
use crate::cli::exit::{CommandError, UNREACHABLE, USAGE};

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
    /// The server's process, whose processor time, memory and writes are reported
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// The seed of all choices
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

/// Which of the keys.
#[derive(Debug, Args)]
struct ChoiceArguments {
    /// The one key of all operations, or the prefix for list. get and cas need it to exist, lock needs it not to; create and
    /// delete take new keys
    #[arg(long, value_name = "KEY", conflicts_with_all = ["keys", "per_directory", "key_width"])]
    key: Option<String>,
    /// The distribution of operations over the keys
    #[arg(long, value_name = "KIND", default_value = "uniform")]
    distribution: DistributionArgument,
    /// Do not write the keys before the run: they exist
    #[arg(long)]
    no_fill: bool,
    /// The promise of reads
    #[arg(long, value_name = "KIND", default_value = "linearizable")]
    consistency: ConsistencyArgument,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ArrivalsArgument {
    /// All as far apart
    Even,
    /// As independent clients send
    Poisson,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DistributionArgument {
    /// Every key is as likely as another
    Uniform,
    /// The key of rank k is 1/k times as likely as the first one
    Zipfian,
    /// Each client takes one key after another
    Sequential,
    /// Each client has a key of its own
    Own,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ConsistencyArgument {
    /// Reads see every write that was answered before
    Linearizable,
    /// Reads as the protocol makes them when nothing is asked for; serializable on etcd 3
    Default,
}

impl Load {
    pub(super) fn run(self, operation: Operation) -> Result<(), CommandError> {
        self.run_mix(OperationMix::only(operation))
    }

    fn run_mix(self, mix: OperationMix) -> Result<(), CommandError> {
        let takes_new = |operation| matches!(operation, Operation::Create | Operation::Delete);
        if self.choice.key.is_some() && mix.operations().any(takes_new) {
            let message = "--key: create and delete take new keys, give --prefix";
            return Err(CommandError::new(USAGE, message));
        }
        let target = self.target.resolve()?;
        let pid = self.pace.pid;
        let options = options(mix, &self.pace, &self.keys, self.choice)?;
        files::require(u64::from(options.clients))?;
        let summary = LoadSummary {
            arguments: std::env::args().skip(1).collect(),
            started_ms: time::unix_ms(),
            clients: options.clients,
            rate: match options.pace {
                Pace::Closed => None,
                Pace::Open(rate, _) => Some(rate),
            },
            seconds: 0.0,
        };
        let progress = self.output.progress();
        let measured = run::run(&target, options, pid, &progress)
            .map_err(|error| CommandError::new(UNREACHABLE, error.to_string()))?;
        let result = RunResult::new(target.name(), summary, &measured);
        self.output.print(&result)?;
        if result.operations.values().all(|one| one.answered == 0) {
            let message = "the server answered no operation";
            return Err(CommandError::new(UNREACHABLE, message));
        }
        Ok(())
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
    let half = std::thread::available_parallelism().map_or(1, |all| all.get() / 2);
    let threads = pace
        .threads
        .unwrap_or_else(|| u32::try_from(half.max(1)).unwrap_or(1));
    Ok(LoadOptions {
        mix,
        clients: pace.clients,
        threads: threads.min(pace.clients),
        pace: match pace.rate {
            None => Pace::Closed,
            Some(rate) => Pace::Open(rate, pace.arrivals.into()),
        },
        keys: keys.shape()?,
        key: choice.key,
        distribution: choice.distribution.into(),
        value: keys.value()?,
        fill: !choice.no_fill,
        warm_up: Duration::from_secs_f64(pace.warm_up),
        duration: Duration::from_secs_f64(pace.duration),
        timeout: Duration::from_secs_f64(pace.timeout),
        consistency: choice.consistency.into(),
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
        _ => Err("want a number above 0".to_owned()),
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

impl From<DistributionArgument> for Distribution {
    fn from(argument: DistributionArgument) -> Self {
        match argument {
            DistributionArgument::Uniform => Self::Uniform,
            DistributionArgument::Zipfian => Self::Zipfian,
            DistributionArgument::Sequential => Self::Sequential,
            DistributionArgument::Own => Self::Own,
        }
    }
}

impl From<ConsistencyArgument> for Consistency {
    fn from(argument: ConsistencyArgument) -> Self {
        match argument {
            ConsistencyArgument::Linearizable => Self::Linearizable,
            ConsistencyArgument::Default => Self::Default,
        }
    }
}

//! `kubekv bench compare`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kubekv::bench::measure::Limit;
use kubekv::bench::report::{self, Goal, RunResult};

use super::output::read_results;
use crate::cli::exit::{CommandError, USAGE};
use crate::cli::kv::print;

/// The options of `kubekv bench compare`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints a line: the medians of both servers, the median of the rounds' ratios with the lowest and the highest, and whether \
it misses the goal. Rounds in which the client or the machine was the limit are counted in the line."
)]
pub(super) struct Compare {
    /// The results of one server, a file a round
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    ours: Vec<PathBuf>,
    /// The results of the other server, in the same order
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    theirs: Vec<PathBuf>,
    /// The figure that is compared
    #[arg(long, value_name = "FIGURE", default_value = "rate")]
    figure: Figure,
    /// The operation; needed where the results have several
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// What the line begins with
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
    /// The ratio must be this at least
    #[arg(long, value_name = "RATIO")]
    at_least: Option<f64>,
    /// The ratio must be this at most
    #[arg(long, value_name = "RATIO", conflicts_with = "at_least")]
    at_most: Option<f64>,
}

/// A figure of a result.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Figure {
    /// Operations per second
    Rate,
    /// The median latency
    P50,
    /// The latency that 99 of 100 do not exceed
    P99,
    /// The processor time of the server for one operation
    Cpu,
}

impl Compare {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let (ours, theirs) = (read_results(&self.ours)?, read_results(&self.theirs)?);
        let operation = self.operation(ours.iter().chain(&theirs))?;
        let goal = match (self.at_least, self.at_most) {
            (Some(ratio), _) => Some(Goal::AtLeast(ratio)),
            (None, Some(ratio)) => Some(Goal::AtMost(ratio)),
            (None, None) => None,
        };
        let figure = |result: &RunResult| self.figure(result, &operation);
        let found = report::compare(&ours, &theirs, figure, goal).ok_or_else(|| {
            let message = "want as many results of one as of the other, each with this figure";
            CommandError::new(USAGE, message)
        })?;
        let unit = match self.figure {
            Figure::Rate => "/s",
            Figure::P50 | Figure::P99 => "ms",
            Figure::Cpu => "us",
        };
        let goal = match goal {
            Some(Goal::AtLeast(goal)) => format!(", goal at least {goal}x"),
            Some(Goal::AtMost(goal)) => format!(", goal at most {goal}x"),
            None => String::new(),
        };
        let missed = if found.is_missed { ": MISSED" } else { "" };
        let line = format!(
            "{:<62} {:>10.2} {:>10.2} {unit:<3} {:>7.2}x ({:.2} to {:.2}){goal}{missed}{}\n",
            self.label,
            found.ours,
            found.theirs,
            found.ratio,
            found.lowest,
            found.highest,
            limits(&ours, &theirs)
        );
        print::bytes(line.as_bytes())?;
        Ok(())
    }

    /// The operation that is compared.
    fn operation<'a>(
        &self,
        results: impl Iterator<Item = &'a RunResult>,
    ) -> Result<String, CommandError> {
        if let Some(name) = &self.operation {
            return Ok(name.clone());
        }
        let names: BTreeSet<&String> = results.flat_map(|one| one.operations.keys()).collect();
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        match names.as_slice() {
            [only] => Ok((*only).to_owned()),
            several => {
                let several = several.join(", ");
                let message = format!("--operation: want one of these results: {several}");
                Err(CommandError::new(USAGE, message))
            }
        }
    }

    fn figure(&self, result: &RunResult, operation: &str) -> Option<f64> {
        let operation = result.operations.get(operation)?;
        match self.figure {
            Figure::Rate => Some(operation.per_second),
            Figure::P50 => Some(operation.latency.p50_us / 1e3),
            Figure::P99 => Some(operation.latency.p99_us / 1e3),
            Figure::Cpu => result
                .server
                .as_ref()
                .map(|server| server.cpu_us_per_operation),
        }
    }
}

/// How many runs measured something other than the server.
fn limits(ours: &[RunResult], theirs: &[RunResult]) -> String {
    let runs = || ours.iter().chain(theirs);
    let count = runs().count();
    [Limit::Client, Limit::Machine, Limit::Lateness]
        .into_iter()
        .filter_map(|limit| {
            let limited = |run: &&RunResult| run.limited_by.as_deref() == Some(limit.name());
            match runs().filter(limited).count() {
                0 => None,
                limited => Some(format!(
                    "; limited by {} in {limited} of {count} runs",
                    limit.name()
                )),
            }
        })
        .collect()
}

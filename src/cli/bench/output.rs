//! The output of a run: progress, text and JSON.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use kubekv::bench::report::{self, LoadSummary, RunResult};
use kubekv::bench::run::{ClientsError, Progress};
use kubekv::model::time;

use crate::cli::exit::{CommandError, IO, UNREACHABLE, USAGE};
use crate::cli::kv::print;

/// Where results go.
#[derive(Debug, Args)]
pub(super) struct Output {
    /// Write the result as JSON to this file, or to standard output with -
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print neither progress nor the result as text
    #[arg(long, short)]
    quiet: bool,
}

impl Output {
    /// Prints the progress of a run to standard error, unless it is not wanted.
    pub(super) fn progress(&self) -> impl Fn(&Progress) + Sync {
        |progress: &Progress| self.progress_line(&report::progress_line(progress))
    }

    /// Prints a line of progress to standard error, unless it is not wanted.
    pub(super) fn progress_line(&self, line: &str) {
        if !self.quiet {
            stderr_line(line);
        }
    }

    /// Prints the result.
    pub(super) fn print(&self, result: &RunResult) -> Result<(), CommandError> {
        let is_json = self.json.as_deref() == Some(Path::new("-"));
        if !(self.quiet || is_json) {
            print::bytes(report::text(result).as_bytes())?;
        }
        let Some(path) = &self.json else {
            return Ok(());
        };
        let mut text = serde_json::to_string(result).map_err(|error| failed(path, &error))?;
        text.push('\n');
        if is_json {
            print::bytes(text.as_bytes())?;
            return Ok(());
        }
        fs::write(path, text).map_err(|error| failed(path, &error))
    }
}

impl From<ClientsError> for CommandError {
    fn from(error: ClientsError) -> Self {
        let code = match error {
            ClientsError::Fill(_) | ClientsError::Watcher(_) => UNREACHABLE,
            ClientsError::Runtime(_) => IO,
            ClientsError::NoServer(_) => USAGE,
        };
        Self::new(code, error.to_string())
    }
}

/// Prints a line to standard error.
pub(super) fn stderr_line(line: &str) {
    // Standard error may be closed.
    let _unwritable = writeln!(io::stderr(), "{line}");
}

/// The load of this command, as far as it is known before it.
pub(super) fn summary(clients: u32, rate: Option<f64>) -> LoadSummary {
    let arguments = std::env::args_os().skip(1);
    LoadSummary {
        arguments: arguments
            .map(|one| one.to_string_lossy().into_owned())
            .collect(),
        started_ms: time::unix_ms(),
        clients,
        pipeline: None,
        rate,
        seconds: 0.0,
    }
}

/// Fails if the server answered nothing.
pub(super) fn require_answers(result: &RunResult) -> Result<(), CommandError> {
    if result.operations.values().any(|one| one.answered > 0) {
        return Ok(());
    }
    let message = "the server answered no operation";
    Err(CommandError::new(UNREACHABLE, message))
}

/// Reads the results of files.
pub(super) fn read_results(paths: &[PathBuf]) -> Result<Vec<RunResult>, CommandError> {
    let read = |path: &PathBuf| {
        let text = fs::read(path).map_err(|error| failed(path, &error))?;
        serde_json::from_slice(&text).map_err(|error| {
            let message = format!("{}: not a result of kubekv bench: {error}", path.display());
            CommandError::new(USAGE, message)
        })
    };
    paths.iter().map(read).collect()
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> CommandError {
    CommandError::new(IO, format!("{}: {error}", path.display()))
}

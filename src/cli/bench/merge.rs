//! `kubekv bench merge`.

use std::path::PathBuf;

use clap::Args;
use kubekv::bench::report;

use super::output::{Output, read_results};
use crate::cli::exit::{CommandError, USAGE};

/// The options of `kubekv bench merge`.
#[derive(Debug, Args)]
pub(super) struct Merge {
    /// Results of runs, as --json writes them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The runs were made at the same time, by several clients: their rates add up
    #[arg(long)]
    at_once: bool,
    #[command(flatten)]
    output: Output,
}

impl Merge {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let results = read_results(&self.files)?;
        let merged = report::merge(&results, self.at_once)
            .map_err(|error| CommandError::new(USAGE, error.to_string()))?;
        self.output.print(&merged)
    }
}

//! `kubekv check`.

use std::path::PathBuf;

use clap::Args;
use kubekv::store::embedded;

use super::report;
use crate::cli::exit::{Failure, NO};
use crate::cli::in_use;

/// The options of `kubekv check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The store's directory; the one `kubekv serve` uses if left out
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self { directory, json } = self;
        let directory = report::directory(directory)?;
        let found = embedded::check(&directory).map_err(|error| report::failed(&error));
        let found = in_use::advise(
            found,
            "stop it and run this again, or let it run: it verified every record when it started",
        )?;
        report::print(&found, json)?;
        match found.problems.len() {
            0 => Ok(()),
            count => Err(Failure::new(NO, format!("problems found: {count}"))),
        }
    }
}

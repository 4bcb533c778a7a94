//! `kubekv check`: verification of an embedded store.

use std::path::PathBuf;

use clap::Args;
use kubekv::store::embedded;

use super::report;
use crate::cli::exit::{CommandError, NO};
use crate::cli::store_in_use;

/// The options of `kubekv check`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    /// The store's directory [default: that of `kubekv serve`]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self { directory, json } = self;
        let directory = report::directory(directory)?;
        let found = embedded::check(&directory).map_err(|error| report::store_error(&error));
        let found = store_in_use::advise(
            found,
            "stop it and run this command again, or let it run: it verified every record when it started",
        )?;
        report::print(&found, json)?;
        match found.problems.len() {
            0 => Ok(()),
            count => Err(CommandError::new(NO, format!("problems found: {count}"))),
        }
    }
}

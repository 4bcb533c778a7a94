//! `kubekv backup`: a verified copy of an embedded store.

use std::path::PathBuf;

use clap::Args;
use kubekv::store::embedded;

use super::report;
use crate::cli::exit::{CommandError, USAGE};
use crate::cli::store_in_use;

/// The options of `kubekv backup`.
#[derive(Debug, Args)]
#[command(override_usage = "kubekv backup [--json] [DIR] DEST")]
pub(in crate::cli) struct Backup {
    /// The store's directory [default: that of `kubekv serve`], then the directory to copy to, which must be missing or empty
    #[arg(value_names = ["DIR", "DEST"], num_args = 1..=2, required = true)]
    directories: Vec<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self { directories, json } = self;
        let mut directories = directories.into_iter().rev();
        let destination = directories.next();
        let destination = destination.ok_or_else(|| CommandError::new(USAGE, "DEST is missing"))?;
        let directory = report::directory(directories.next())?;
        let copied = embedded::backup(&directory, &destination);
        let copied = store_in_use::advise(
            copied.map_err(|error| report::store_error(&error)),
            "stop it and run this command again, or save the keys, values and flags of the running gateway with kubekv export \
             --output FILE",
        );
        report::print(&copied?, json)
    }
}

//! `kubekv bench fill`.

use clap::Args;
use kubekv::bench::run::{FILL_RETRIES, write_all};

use super::key_arguments::KeyArguments;
use super::target::TargetArguments;
use crate::cli::exit::{CommandError, UNREACHABLE};

/// The options of `kubekv bench fill`.
#[derive(Debug, Args)]
pub(super) struct Fill {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    keys: KeyArguments,
    /// How often a write is sent again that failed in a way that can pass: without a leader, overloaded, not answered in time, or with
    /// its connection
    #[arg(long, value_name = "NUMBER", default_value_t = FILL_RETRIES, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    retries: u32,
}

impl Fill {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let (keys, value) = (self.keys.shape()?, self.keys.value()?);
        let target = self.target.resolve()?;
        write_all(&target, &keys, &value, self.retries)
            .map_err(|error| CommandError::new(UNREACHABLE, error.to_string()))
    }
}

//! `kubekv bench fill`.

use clap::Args;
use kubekv::bench::run::write_all;

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
}

impl Fill {
    pub(super) fn run(self) -> Result<(), CommandError> {
        let (keys, value) = (self.keys.shape()?, self.keys.value()?);
        let target = self.target.resolve()?;
        write_all(&target, &keys, &value)
            .map_err(|error| CommandError::new(UNREACHABLE, error.to_string()))
    }
}

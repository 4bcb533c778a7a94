//! `kubekv crd`: the custom resource definition of entries.

use std::io::{self, Write};

use clap::Args;
use kubekv::store::kubernetes::definition;

use super::exit::{CommandError, REFUSED};

/// The options of `kubekv crd`.
#[derive(Debug, Args)]
pub(super) struct Crd {}

impl Crd {
    pub(super) fn run() -> Result<(), CommandError> {
        let text = definition().map_err(|error| CommandError::new(REFUSED, error.to_string()))?;
        io::stdout().write_all(text.as_bytes())?;
        Ok(())
    }
}

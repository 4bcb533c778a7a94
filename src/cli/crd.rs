//! `kubekv crd`.

use std::io::{self, Write};

use clap::Args;
use kubekv::store::kubernetes::definition;

use super::exit::{Failure, REFUSED};

/// The options of `kubekv crd`.
#[derive(Debug, Args)]
pub(super) struct Crd {}

impl Crd {
    pub(super) fn run() -> Result<(), Failure> {
        let text = definition().map_err(|error| Failure::new(REFUSED, error.to_string()))?;
        io::stdout().write_all(text.as_bytes())?;
        Ok(())
    }
}

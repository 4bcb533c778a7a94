//! `kubekv crd`: the custom resource definitions of entries and of policies.

use std::fmt::Display;
use std::io::{self, Write};

use clap::Args;
use kubekv::store::kubernetes::{definition, policy_definition};

use super::exit::{CommandError, REFUSED};

/// The options of `kubekv crd`.
#[derive(Debug, Args)]
pub(super) struct Crd {}

impl Crd {
    pub(super) fn run() -> Result<(), CommandError> {
        let failed = |error: &dyn Display| CommandError::new(REFUSED, error.to_string());
        let entries = definition().map_err(|error| failed(&error))?;
        let policies = policy_definition().map_err(|error| failed(&error))?;
        io::stdout().write_all(format!("{entries}---\n{policies}").as_bytes())?;
        Ok(())
    }
}

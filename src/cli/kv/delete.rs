//! `kubekv delete`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::print;
use crate::cli::client::Target;
use crate::cli::exit::{Failure, NO};

/// The options of `kubekv delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// The key; with --recurse what keys begin with
    key: OsString,
    /// Delete every key that begins so
    #[arg(long, conflicts_with = "cas")]
    recurse: bool,
    /// Delete only if the key's index is this
    #[arg(long, value_name = "INDEX", value_parser = clap::value_parser!(u64).range(1..))]
    cas: Option<u64>,
    /// Print true or false
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Delete {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self {
            key,
            recurse,
            cas,
            json,
            target,
        } = self;
        let cas = cas.map(|index| index.to_string());
        let mut query = Vec::new();
        if recurse {
            query.push(("recurse", None));
        }
        if let Some(index) = &cas {
            query.push(("cas", Some(index.as_str())));
        }
        let done = target.connect()?.delete(key.as_bytes(), &query)?;
        if json {
            print::json(&done)?;
        }
        if done {
            return Ok(());
        }
        let line = format!("not deleted: {} is at another index", key.display());
        Err(Failure::new(NO, line))
    }
}

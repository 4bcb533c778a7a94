//! `kubekv delete`: deletion of a key or of all keys with a prefix.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::print;
use crate::cli::client::GatewayAddress;
use crate::cli::exit::{CommandError, NO};

/// The options of `kubekv delete`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    /// The key; with --recurse a prefix of keys
    key: OsString,
    /// Delete every key with this prefix
    #[arg(long, conflicts_with = "cas")]
    recurse: bool,
    /// Delete only if the key's index is INDEX
    #[arg(long, value_name = "INDEX", value_parser = clap::value_parser!(u64).range(1..))]
    cas: Option<u64>,
    /// Print true or false
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: GatewayAddress,
}

impl Delete {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
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
        let message = format!(
            "not deleted: {} has another index than --cas names",
            key.display()
        );
        Err(CommandError::new(NO, message))
    }
}

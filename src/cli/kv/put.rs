//! `kubekv put`: writing a key.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::{input, print};
use crate::cli::client::GatewayAddress;
use crate::cli::exit::{CommandError, NO};

/// The options of `kubekv put`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Put {
    /// The key
    key: OsString,
    /// The value: the text itself, - for standard input, or @FILE for the content of a file [default: empty]
    #[arg(default_value = "")]
    value: OsString,
    /// Write only if the key's index is INDEX; 0: only if the key does not exist
    #[arg(long, value_name = "INDEX")]
    cas: Option<u64>,
    /// A number that is stored with the value, for the client's own use
    #[arg(long, value_name = "NUMBER")]
    flags: Option<u64>,
    /// Print true or false
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: GatewayAddress,
}

impl Put {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self {
            key,
            value,
            cas,
            flags,
            json,
            target,
        } = self;
        let value = input::read(&value)?;
        let cas = cas.map(|index| index.to_string());
        let flags = flags.map(|flags| flags.to_string());
        let optional = [("cas", &cas), ("flags", &flags)];
        let query: Vec<_> = optional
            .into_iter()
            .filter_map(|(name, text)| Some((name, Some(text.as_deref()?))))
            .collect();
        let done = target.connect()?.put(key.as_bytes(), &value, &query)?;
        if json {
            print::json(&done)?;
        }
        if done {
            return Ok(());
        }
        let message = format!(
            "not written: {} has another index than --cas names",
            key.display()
        );
        Err(CommandError::new(NO, message))
    }
}

//! `kubekv put`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::{input, print};
use crate::cli::client::Target;
use crate::cli::exit::{Failure, NO};

/// The options of `kubekv put`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Put {
    /// The key
    key: OsString,
    /// The value: the text itself, - for standard input, @FILE for a file's content; empty if left out
    #[arg(default_value = "")]
    value: OsString,
    /// Write only if the key's index is this; 0: only if there is no such key
    #[arg(long, value_name = "INDEX")]
    cas: Option<u64>,
    /// A number of yours, kept beside the value
    #[arg(long, value_name = "NUMBER")]
    flags: Option<u64>,
    /// Print true or false
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Put {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
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
        let given = [("cas", &cas), ("flags", &flags)];
        let query: Vec<_> = given
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
        let line = format!("not written: {} is at another index", key.display());
        Err(Failure::new(NO, line))
    }
}

//! `kubekv list`: keys with a prefix.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::print;
use crate::cli::client::GatewayAddress;
use crate::cli::exit::CommandError;

/// The options of `kubekv list`.
#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// The prefix of the keys
    #[arg(default_value = "")]
    prefix: OsString,
    /// Cut each key after the first TEXT that follows the prefix, and print each result once
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: GatewayAddress,
}

impl List {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self {
            prefix,
            separator,
            json,
            target,
        } = self;
        let mut query = vec![("keys", None)];
        if let Some(separator) = &separator {
            query.push(("separator", Some(separator.as_str())));
        }
        let reply = target.connect()?.read(prefix.as_bytes(), &query)?;
        let keys: Vec<String> = if reply.found {
            reply.json()?
        } else {
            Vec::new()
        };
        if json {
            return print::json(&keys);
        }
        let lines = keys.iter().flat_map(|key| [key.as_str(), "\n"]);
        print::bytes(lines.collect::<String>().as_bytes())
    }
}

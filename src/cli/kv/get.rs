//! `kubekv get`: values of a key or of all keys with a prefix.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::print;
use crate::cli::client::{GatewayAddress, KvEntry};
use crate::cli::exit::{CommandError, NO};

/// The options of `kubekv get`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Get {
    /// The key; with --recurse a prefix of keys
    key: OsString,
    /// Print every key with this prefix, as KEY:VALUE
    #[arg(long)]
    recurse: bool,
    /// Print only the value, without a newline
    #[arg(long, conflicts_with_all = ["json", "recurse"])]
    raw: bool,
    /// Print the entry as Consul's API returns it, with the value in Base64
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: GatewayAddress,
}

impl Get {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self {
            key,
            recurse,
            raw,
            json,
            target,
        } = self;
        let query: &[_] = if recurse { &[("recurse", None)] } else { &[] };
        let reply = target.connect()?.read(key.as_bytes(), query)?;
        if !reply.found {
            let message = format!("no such key: {}", key.display());
            return Err(CommandError::new(NO, message));
        }
        let entries: Vec<KvEntry> = reply.json()?;
        if recurse && json {
            return print::json(&entries);
        }
        for entry in &entries {
            let value = entry.bytes()?;
            if json {
                print::json(entry)?;
            } else if raw {
                print::bytes(&value)?;
            } else {
                let name = if recurse { &entry.key } else { "" };
                let colon: &[u8] = if recurse { b":" } else { b"" };
                print::bytes(&[name.as_bytes(), colon, &value, b"\n"].concat())?;
            }
        }
        Ok(())
    }
}

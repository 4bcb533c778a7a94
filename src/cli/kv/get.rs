//! `kubekv get`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::print;
use crate::cli::client::{Entry, Target};
use crate::cli::exit::{Failure, NO};

/// The options of `kubekv get`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Get {
    /// The key; with --recurse what keys begin with
    key: OsString,
    /// Print every key that begins so, as KEY:VALUE
    #[arg(long)]
    recurse: bool,
    /// Print the value alone, without a line's end
    #[arg(long, conflicts_with_all = ["json", "recurse"])]
    raw: bool,
    /// Print the entry as Consul's API has it, its value in Base64
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Get {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
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
            let line = format!("no such key: {}", key.display());
            return Err(Failure::new(NO, line));
        }
        let entries: Vec<Entry> = reply.json()?;
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

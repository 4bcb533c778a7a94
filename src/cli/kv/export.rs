//! `kubekv export`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::ser::{PrettyFormatter, Serializer};

use super::print;
use crate::cli::client::{Entry, Target};
use crate::cli::exit::{Failure, REFUSED};

/// The options of `kubekv export`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// What the keys begin with
    #[arg(default_value = "")]
    prefix: OsString,
    #[command(flatten)]
    target: Target,
}

/// An entry as `consul kv export` writes it and `consul kv import` reads it.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Exported {
    pub(super) key: String,
    pub(super) flags: u64,
    /// In Base64.
    pub(super) value: String,
    /// Of Consul Enterprise; kubekv writes none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) namespace: String,
    /// Of Consul Enterprise; kubekv writes none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) partition: String,
}

impl Export {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self { prefix, target } = self;
        let query = [("recurse", None)];
        let reply = target.connect()?.read(prefix.as_bytes(), &query)?;
        let entries: Vec<Entry> = if reply.found {
            reply.json()?
        } else {
            Vec::new()
        };
        // Consul's JSON has this in the place of bytes that are no UTF-8: the key's real name is not known.
        let (unnamed, entries): (Vec<Entry>, Vec<Entry>) = entries
            .into_iter()
            .partition(|entry| entry.key.contains(char::REPLACEMENT_CHARACTER));
        let exported: Vec<Exported> = entries
            .into_iter()
            .map(|entry| Exported {
                key: entry.key,
                flags: entry.flags,
                value: entry.value.unwrap_or_default(),
                namespace: String::new(),
                partition: String::new(),
            })
            .collect();
        // Indented by tabs, as Consul does.
        let mut out = Vec::new();
        let mut writer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"\t"));
        exported
            .serialize(&mut writer)
            .map_err(std::io::Error::from)?;
        out.push(b'\n');
        print::bytes(&out)?;
        if unnamed.is_empty() {
            return Ok(());
        }
        let count = unnamed.len();
        let line = format!("keys left out, because they are not UTF-8: {count}");
        Err(Failure::new(REFUSED, line))
    }
}

//! `kubekv export`.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use kubekv::config;
use kubekv::transfer::{ConsulEntry, Source, write_dump};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::given::From;
use super::{output, report, run};
use crate::cli::client::{Entry, Target};
use crate::cli::exit::{Failure, NO, REFUSED};
use crate::cli::in_use;

/// The options of `kubekv export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --from a running gateway is asked, and the output is in the format of consul kv export: keys, \
values and flags. With --from it is a dump of lines of JSON, which also has directories, what is left of TTLs, and what \
was left out; its last line says that it is whole."
)]
pub(in crate::cli) struct Export {
    /// What the keys begin with
    #[arg(default_value = "")]
    prefix: OsString,
    /// Write to this new file, which only you may read, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    from: From,
}

impl Export {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self {
            prefix,
            output,
            target,
            from,
        } = self;
        let source = config::source(&mut from.settings()?, env::vars_os())?;
        let Some((url, access)) = source else {
            return of_gateway(&prefix, output.as_deref(), &target);
        };
        let prefix = url.prefix(prefix.as_bytes());
        let source = Source {
            url,
            access,
            prefix,
        };
        let listing = in_use::advise(
            run(async { source.read().await }),
            "leave out --from to ask the running gateway itself for keys, values and flags (kubekv export --address \
             HOST:PORT), or stop it for the whole",
        )?;
        output::write(output.as_deref(), |mut out| write_dump(&mut out, &listing))?;
        report::name(&listing.left_out);
        let faults = listing.left_out.iter().filter(|one| one.reason.is_fault());
        match faults.count() {
            0 => Ok(()),
            count => {
                let line = format!("what is not in the dump, or not for certain: {count}");
                Err(Failure::new(NO, line))
            }
        }
    }
}

/// What a running gateway holds, as Consul exports it.
fn of_gateway(prefix: &OsString, output: Option<&Path>, target: &Target) -> Result<(), Failure> {
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
    let exported: Vec<ConsulEntry> = entries
        .into_iter()
        .map(|entry| ConsulEntry {
            key: entry.key,
            flags: entry.flags,
            value: entry.value.unwrap_or_default(),
        })
        .collect();
    // Indented by tabs, as Consul does.
    let mut out = Vec::new();
    let mut writer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"\t"));
    exported
        .serialize(&mut writer)
        .map_err(std::io::Error::from)?;
    out.push(b'\n');
    output::write(output, |file| file.write_all(&out))?;
    if unnamed.is_empty() {
        return Ok(());
    }
    let count = unnamed.len();
    let line = format!("keys left out, because they are not UTF-8: {count}");
    Err(Failure::new(REFUSED, line))
}

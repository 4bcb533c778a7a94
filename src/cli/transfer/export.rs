//! `kubekv export`: a Consul export of a running gateway, or a dump of another source.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use kubekv::config;
use kubekv::transfer::{ConsulEntry, Source, write_dump};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::from_to::FromOptions;
use super::{output, report, run};
use crate::cli::client::{GatewayAddress, KvEntry};
use crate::cli::exit::{CommandError, NO, REFUSED};
use crate::cli::store_in_use;

/// The options of `kubekv export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --from it reads a running gateway, and the output has the format of consul kv export: keys, \
values and flags. With --from the output is a dump of JSON lines, which also has directories, the remaining time of TTLs, \
ZooKeeper's access lists, and the names of what was left out. The last line confirms that the dump is complete."
)]
pub(in crate::cli) struct Export {
    /// The prefix of the keys
    #[arg(default_value = "")]
    prefix: OsString,
    /// Write to this new file, readable only by its owner, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write the versions of data and access lists, too, which kubekv import --versions keeps
    #[arg(long, requires = "from")]
    versions: bool,
    #[command(flatten)]
    target: GatewayAddress,
    #[command(flatten)]
    from: FromOptions,
}

impl Export {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self {
            prefix,
            output,
            versions,
            target,
            from,
        } = self;
        let source = config::source(&mut from.settings()?, env::vars_os())?;
        let Some((url, access)) = source else {
            return export_gateway(&prefix, output.as_deref(), &target);
        };
        let prefix = url.prefix(prefix.as_bytes());
        let source = Source {
            url,
            access,
            prefix,
        };
        let mut listing = store_in_use::advise(
            run(async { source.read().await }),
            "leave out --from to export keys, values and flags of the running gateway (kubekv export --address \
             HOST:PORT), or stop it to export everything",
        )?;
        if !versions {
            listing.forget_versions();
        }
        output::write(output.as_deref(), |mut out| write_dump(&mut out, &listing))?;
        report::print_left_out(&listing.left_out);
        let faults = listing.left_out.iter().filter(|one| one.reason.is_fault());
        match faults.count() {
            0 => Ok(()),
            count => {
                let message = format!(
                    "entries that are missing from the dump, or that may be wrong in it: {count}; they are named above"
                );
                Err(CommandError::new(NO, message))
            }
        }
    }
}

/// Writes the entries of a running gateway in Consul's export format.
fn export_gateway(
    prefix: &OsString,
    output: Option<&Path>,
    target: &GatewayAddress,
) -> Result<(), CommandError> {
    let query = [("recurse", None)];
    let reply = target.connect()?.read(prefix.as_bytes(), &query)?;
    let entries: Vec<KvEntry> = if reply.found {
        reply.json()?
    } else {
        Vec::new()
    };
    // Consul's JSON replaces bytes that are not UTF-8 by this character, so the key's real name is lost.
    let (unnamed, entries): (Vec<KvEntry>, Vec<KvEntry>) = entries
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
    // Consul indents by tabs.
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
    let message = format!("keys left out, because they are not UTF-8: {count}");
    Err(CommandError::new(REFUSED, message))
}

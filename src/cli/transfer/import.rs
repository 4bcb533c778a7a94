//! `kubekv import`: an export into a running gateway, or any source into a store.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use kubekv::config;
use kubekv::transfer::{self, ConsulExport, ImportOptions, Listing, Source};

use super::from_to::{FromOptions, ToOptions};
use super::progress::ProgressPrinter;
use super::{report, run};
use crate::cli::client::GatewayAddress;
use crate::cli::exit::{CommandError, USAGE};
use crate::cli::kv::{input, print};
use crate::cli::store_in_use;

/// The options of `kubekv import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --to it writes the data to a running gateway, key by key. With --to it writes to a store, which no \
gateway may use during the import; the entries come from the data, or from the server or store of --from. The store must \
be empty, unless --into-existing is given. If the import breaks off, the same command continues it. At the end the import \
reads the store back and compares every entry. It leaves out sessions, locks and ephemeral entries, and names them."
)]
pub(in crate::cli) struct Import {
    /// The output of kubekv export or consul kv export, or an answer of Consul's /v1/kv/?recurse: - for standard input,
    /// @FILE for a file, or the JSON itself [default: -]
    #[arg(conflicts_with = "from")]
    data: Option<OsString>,
    #[command(flatten)]
    target: GatewayAddress,
    #[command(flatten)]
    from: FromOptions,
    #[command(flatten)]
    to: ToOptions,
    /// Import only keys with this prefix
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: OsString,
    /// Replace --prefix by this prefix in the target; without --prefix, put it before each key
    #[arg(long, value_name = "TEXT")]
    dest_prefix: Option<OsString>,
    #[command(flatten)]
    target_entries: TargetEntries,
    /// Keep the versions of data and access lists, of ZooKeeper's nodes, of a store, or of a dump made with --versions
    #[arg(long, requires = "to")]
    versions: bool,
    /// Print a JSON object
    #[arg(long, requires = "to")]
    json: bool,
}

/// What becomes of entries that the target has already.
#[derive(Debug, Args)]
struct TargetEntries {
    /// Overwrite entries that the target has already; entries that only the target has stay
    #[arg(long, requires = "to")]
    into_existing: bool,
    /// Delete entries that only the target has
    #[arg(long, requires = "to")]
    delete: bool,
}

impl Import {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let Self {
            data,
            target,
            from,
            to,
            prefix,
            dest_prefix,
            target_entries:
                TargetEntries {
                    into_existing,
                    delete,
                },
            versions,
            json,
        } = self;
        let source = config::source(&mut from.settings()?, env::vars_os())?;
        let store = config::target(&mut to.settings()?, env::vars_os())?;
        let data = data.unwrap_or_else(|| "-".into());
        let (source, (url, access)) = match (source, store) {
            (None, None) => {
                return import_into_gateway(&data, &target, &prefix, dest_prefix.as_deref());
            }
            (Some(_), None) => {
                return Err(CommandError::new(
                    USAGE,
                    "--from: give --to, too, the store to write to",
                ));
            }
            (source, Some(store)) => (source, store),
        };
        let prefix = match &source {
            Some((url, _)) => url.prefix(prefix.as_bytes()),
            None => prefix.as_bytes().to_vec(),
        };
        let listing = match &source {
            Some(_) => None,
            None => Some(Listing::parse(&input::read(&data)?)?),
        };
        let import = transfer::Import {
            source: source.map(|(url, access)| Source {
                url,
                access,
                prefix: prefix.clone(),
            }),
            listing,
            target: url,
            access,
            options: ImportOptions {
                prefix,
                dest_prefix: dest_prefix.map(|text| text.as_bytes().to_vec()),
                into_existing,
                delete,
                versions,
            },
        };
        import_into_store(import, json)
    }
}

/// Runs an import into a store that no gateway uses, and prints what it did.
fn import_into_store(import: transfer::Import, json: bool) -> Result<(), CommandError> {
    let progress = ProgressPrinter::default();
    let imported = store_in_use::advise(
        run(async { import.run(&|step| progress.print(step)).await }),
        "stop the gateway of each store for the import, or leave out --to to write an export to the running gateway \
         (kubekv import --address HOST:PORT)",
    )?;
    report::print(&imported, json)
}

/// Writes an export in Consul's format to a running gateway.
fn import_into_gateway(
    data: &OsStr,
    target: &GatewayAddress,
    prefix: &OsStr,
    dest_prefix: Option<&OsStr>,
) -> Result<(), CommandError> {
    let data = input::read(data)?;
    if data.starts_with(br#"{"kubekv-dump""#) {
        let message = "a dump can be imported only into a store: give --to";
        return Err(CommandError::new(USAGE, message));
    }
    // The whole export is parsed before anything is written.
    let ConsulExport { entries, left_out } = ConsulExport::parse(&data)?;
    let (from, to) = (prefix.as_bytes(), dest_prefix.unwrap_or(prefix).as_bytes());
    let renamed = entries.into_iter().filter_map(|(key, item)| {
        let rest = key.as_bytes().strip_prefix(from)?;
        Some(([to, rest].concat(), item))
    });
    let entries: Vec<_> = renamed.collect();
    let gateway = target.connect()?;
    let count = entries.len();
    for (done, (key, item)) in entries.into_iter().enumerate() {
        let flags = item.flags.to_string();
        let put = gateway.put(&key, &item.value, &[("flags", Some(&flags))]);
        put.map_err(|error| CommandError {
            message: error
                .message
                .map(|message| format!("{message} (imported {done} of {count} entries before)")),
            ..error
        })?;
        let key = String::from_utf8_lossy(&key);
        print::bytes(format!("Imported: {key}\n").as_bytes())?;
    }
    report::print_left_out(&left_out);
    Ok(())
}

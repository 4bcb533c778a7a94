//! `kubekv import`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use kubekv::config;
use kubekv::transfer::{self, ConsulExport, ImportOptions, Listing, Source};

use super::given::{From, To};
use super::progress::Progress;
use super::{report, run};
use crate::cli::client::Target;
use crate::cli::exit::{Failure, USAGE};
use crate::cli::in_use;
use crate::cli::kv::{input, print};

/// The options of `kubekv import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --to, the data goes to a running gateway, key by key. With --to it goes into a store, which no \
gateway may use meanwhile: from the data, or from the server or store that --from names. Then the store must be empty, \
unless told otherwise; the same command goes on where it broke off; and at the end the store is read back and every \
entry compared. Sessions, locks and ephemeral entries are named and left out."
)]
pub(in crate::cli) struct Import {
    /// What kubekv export or consul kv export wrote, or what Consul's /v1/kv/?recurse answered: - for standard input,
    /// @FILE for a file, or the JSON itself
    #[arg(conflicts_with = "from")]
    data: Option<OsString>,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    to: To,
    /// Move only keys that begin so
    #[arg(long, value_name = "TEXT", default_value = "")]
    prefix: OsString,
    /// Let them begin so in the target, in the place of --prefix; alone, in front of each key
    #[arg(long, value_name = "TEXT")]
    dest_prefix: Option<OsString>,
    /// Go over what the target has already; what the source does not have stays
    #[arg(long, requires = "to")]
    into_existing: bool,
    /// Delete what the target has and the source does not
    #[arg(long, requires = "to")]
    delete: bool,
    /// Print a JSON object
    #[arg(long, requires = "to")]
    json: bool,
}

impl Import {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let Self {
            data,
            target,
            from,
            to,
            prefix,
            dest_prefix,
            into_existing,
            delete,
            json,
        } = self;
        let source = config::source(&mut from.settings()?, env::vars_os())?;
        let store = config::target(&mut to.settings()?, env::vars_os())?;
        let data = data.unwrap_or_else(|| "-".into());
        let (source, (url, access)) = match (source, store) {
            (None, None) => {
                return into_gateway(&data, &target, &prefix, dest_prefix.as_deref());
            }
            (Some(_), None) => return Err(Failure::new(USAGE, "--from: give --to, too")),
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
            },
        };
        let progress = Progress::default();
        let done = in_use::advise(
            run(async { import.run(&|step| progress.tell(step)).await }),
            "stop the gateway of each store for an import, or leave out --to to write an export to the running gateway \
             itself (kubekv import --address HOST:PORT)",
        )?;
        report::print(&done, json)
    }
}

/// Writes an export of Consul's to a running gateway.
fn into_gateway(
    data: &OsStr,
    target: &Target,
    prefix: &OsStr,
    dest_prefix: Option<&OsStr>,
) -> Result<(), Failure> {
    let data = input::read(data)?;
    if data.starts_with(br#"{"kubekv-dump""#) {
        let line = "a dump goes into a store: give --to";
        return Err(Failure::new(USAGE, line));
    }
    // All of it is read before anything is written.
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
        put.map_err(|failure| Failure {
            line: failure
                .line
                .map(|line| format!("{line} (imported {done} of {count} entries before)")),
            ..failure
        })?;
        let key = String::from_utf8_lossy(&key);
        print::bytes(format!("Imported: {key}\n").as_bytes())?;
    }
    report::name(&left_out);
    Ok(())
}

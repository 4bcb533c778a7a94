//! `kubekv acl`: the access lists in a store, for the operator of a fleet that locked itself out.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;

use clap::{Args, Subcommand};
use kubekv::config;
use kubekv::model::AccessEntry;
use kubekv::transfer::{AccessLists, ListedEntry, escape_key};
use serde::Serialize;

use super::from_to::ToOptions;
use super::progress::ProgressPrinter;
use super::run;
use crate::cli::exit::{CommandError, USAGE};
use crate::cli::kv::print;
use crate::cli::store_in_use;

/// The options of `kubekv acl`.
#[derive(Debug, Args)]
#[command(
    after_help = "Clients of ZooKeeper set these lists; they bind clients of Consul and etcd, too. Gateways may go on using a store \
in Kubernetes or etcd while get reads it; reset needs all of them stopped, and get, too, where the store is embedded. On a running \
gateway, the user of --zookeeper-super may change every list (addauth and setAcl of zkCli.sh)."
)]
pub(in crate::cli) struct Acl {
    #[command(subcommand)]
    command: AclCommand,
}

#[derive(Debug, Subcommand)]
enum AclCommand {
    /// Print access lists
    Get(Lists),
    /// Remove access lists, so that everybody may do everything with their entries, and print what they were
    Reset(Lists),
}

/// Which lists.
#[derive(Debug, Args)]
struct Lists {
    /// The key of a node, without slashes at its ends; / is the root
    key: OsString,
    /// The lists beneath the key, too
    #[arg(long)]
    recursive: bool,
    /// Print JSON: an array of objects
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    to: ToOptions,
}

/// The list of an entry, in print order.
#[derive(Debug, Serialize)]
struct PrintedList {
    key: String,
    acl: Vec<AccessEntry>,
}

impl Acl {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        match self.command {
            AclCommand::Get(lists) => {
                let (lists, json) = lists.resolve()?;
                let found = run(async { lists.get().await });
                print_lists(advise(found)?, json)
            }
            AclCommand::Reset(lists) => {
                let (lists, json) = lists.resolve()?;
                let progress = ProgressPrinter::default();
                let found = run(async { lists.reset(&|step| progress.print(step)).await });
                print_lists(advise(found)?, json)
            }
        }
    }
}

impl Lists {
    fn resolve(self) -> Result<(AccessLists, bool), CommandError> {
        let Self {
            key,
            recursive,
            json,
            to,
        } = self;
        let target = config::target(&mut to.settings()?, env::vars_os())?;
        let (store, access) = target.ok_or_else(|| {
            CommandError::new(USAGE, "give --to, the store whose access lists are meant")
        })?;
        let node = key.as_bytes();
        let node = node.strip_prefix(b"/").unwrap_or(node);
        let node = node.strip_suffix(b"/").unwrap_or(node).to_vec();
        let lists = AccessLists {
            store,
            access,
            node,
            recursive,
        };
        Ok((lists, json))
    }
}

fn advise<T>(outcome: Result<T, CommandError>) -> Result<T, CommandError> {
    let advice =
        "stop the gateways of the store, or change the list as the user of --zookeeper-super";
    store_in_use::advise(outcome, advice)
}

fn print_lists(found: Vec<ListedEntry>, json: bool) -> Result<(), CommandError> {
    if json {
        let printed = |ListedEntry { key, list }: ListedEntry| PrintedList {
            key: escape_key(&key),
            acl: list.entries().to_vec(),
        };
        let all: Vec<_> = found.into_iter().map(printed).collect();
        return print::json(&all);
    }
    let lines = |ListedEntry { key, list }: &ListedEntry| -> String {
        let key = escape_key(key);
        let line = |AccessEntry { perms, scheme, id }: &AccessEntry| {
            format!("{key}\t{scheme}:{id}:{}\n", letters(*perms))
        };
        list.entries().iter().map(line).collect()
    };
    let text: String = found.iter().map(lines).collect();
    print::bytes(text.as_bytes())
}

/// Permissions as zkCli.sh writes them.
fn letters(perms: i32) -> String {
    let all = [(4, 'c'), (8, 'd'), (1, 'r'), (2, 'w'), (16, 'a')];
    let given = all.into_iter().filter(|(bit, _)| perms & bit != 0);
    given.map(|(_, letter)| letter).collect()
}

//! `kubekv watch`: changes of a key or prefix, by blocking queries.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde_json::json;

use super::print;
use crate::cli::client::{GatewayAddress, GatewayClient, KvEntry};
use crate::cli::exit::CommandError;

/// The time limit of one blocking query.
const WAIT: &str = "10m";

/// The options of `kubekv watch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints `INDEX put KEY VALUE` or `INDEX delete KEY` for each change from now on, until it is \
interrupted. Of changes that follow each other quickly it may print only the last."
)]
pub(in crate::cli) struct Watch {
    /// The key; with --recurse a prefix of keys
    #[arg(default_value = "", required_unless_present = "recurse")]
    key: OsString,
    /// Watch every key with this prefix
    #[arg(long)]
    recurse: bool,
    /// Print a line of JSON for each change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: GatewayAddress,
}

/// The entries, by key.
type EntriesByKey = BTreeMap<String, KvEntry>;

impl Watch {
    pub(in crate::cli) fn run(self) -> Result<(), CommandError> {
        let gateway = self.target.connect()?;
        let (mut index, mut state) = self.query(&gateway, 0)?;
        // This goes to standard error, so that standard output has only changes.
        let _unwritable = writeln!(io::stderr(), "watching from index {index}");
        loop {
            let (next_index, next_state) = self.query(&gateway, index)?;
            for change in changes(&state, &next_state) {
                self.print(next_index, &change)?;
            }
            // A lower index means another store or a restored one: start again from 0, as Consul advises.
            index = if next_index < index { 0 } else { next_index };
            state = next_state;
        }
    }

    /// Waits until the index is above `index`, and returns the new index and the entries.
    fn query(
        &self,
        gateway: &GatewayClient,
        index: u64,
    ) -> Result<(u64, EntriesByKey), CommandError> {
        let index = index.to_string();
        let mut query = vec![("index", Some(index.as_str())), ("wait", Some(WAIT))];
        if self.recurse {
            query.push(("recurse", None));
        }
        let reply = gateway.read(self.key.as_bytes(), &query)?;
        let entries: Vec<KvEntry> = if reply.found {
            reply.json()?
        } else {
            Vec::new()
        };
        let state = entries
            .into_iter()
            .map(|entry| (entry.key.clone(), entry))
            .collect();
        Ok((reply.index, state))
    }

    fn print(&self, index: u64, change: &EntryChange<'_>) -> Result<(), CommandError> {
        match (change, self.json) {
            (EntryChange::Put(entry), true) => {
                print::json(&json!({"Action": "put", "Entry": entry}))
            }
            (EntryChange::Delete(key), true) => {
                print::json(&json!({"Action": "delete", "Key": key, "Index": index}))
            }
            (EntryChange::Put(entry), false) => {
                let value = print::one_line(&entry.bytes()?);
                let line = format!("{} put {} {value}\n", entry.modify_index, entry.key);
                print::bytes(line.as_bytes())
            }
            (EntryChange::Delete(key), false) => {
                print::bytes(format!("{index} delete {key}\n").as_bytes())
            }
        }
    }
}

/// A difference between two sets of entries.
#[derive(Debug, PartialEq, Eq)]
enum EntryChange<'a> {
    Put(&'a KvEntry),
    Delete(&'a str),
}

/// The deleted keys, then the written entries in the order of their index.
fn changes<'a>(before: &'a EntriesByKey, after: &'a EntriesByKey) -> Vec<EntryChange<'a>> {
    let deleted = before.keys().filter(|key| !after.contains_key(*key));
    let mut written: Vec<&KvEntry> = after
        .values()
        .filter(|entry| before.get(&entry.key) != Some(entry))
        .collect();
    written.sort_by_key(|entry| entry.modify_index);
    let deleted = deleted.map(|key| EntryChange::Delete(key));
    deleted
        .chain(written.into_iter().map(EntryChange::Put))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entries: &[(&str, u64)]) -> EntriesByKey {
        let entry = |&(key, modify_index): &(&str, u64)| {
            let entry = KvEntry {
                lock_index: 0,
                key: key.to_owned(),
                flags: 0,
                value: None,
                session: None,
                create_index: 1,
                modify_index,
            };
            (key.to_owned(), entry)
        };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn changes_are_in_the_order_of_their_indexes() {
        let before = state(&[("a", 1), ("b", 2), ("c", 3)]);
        let after = state(&[("a", 5), ("c", 3), ("d", 4)]);
        let lines: Vec<String> = changes(&before, &after)
            .iter()
            .map(|change| match change {
                EntryChange::Put(entry) => format!("put {}", entry.key),
                EntryChange::Delete(key) => format!("delete {key}"),
            })
            .collect();
        assert_eq!(lines, ["delete b", "put d", "put a"]);
    }
}

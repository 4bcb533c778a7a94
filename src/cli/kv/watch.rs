//! `kubekv watch`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde_json::json;

use super::print;
use crate::cli::client::{Entry, Gateway, Target};
use crate::cli::exit::Failure;

/// How long one question may wait for a change.
const WAIT: &str = "10m";

/// The options of `kubekv watch`.
#[derive(Debug, Args)]
#[command(
    after_help = "Prints `INDEX put KEY VALUE` or `INDEX delete KEY` for each change from now on, until it is \
interrupted. Changes that follow each other quickly may show as one: the last."
)]
pub(in crate::cli) struct Watch {
    /// The key; with --recurse what keys begin with
    #[arg(default_value = "", required_unless_present = "recurse")]
    key: OsString,
    /// Watch every key that begins so
    #[arg(long)]
    recurse: bool,
    /// Print a line of JSON for each change
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// What there is, by key.
type State = BTreeMap<String, Entry>;

impl Watch {
    pub(in crate::cli) fn run(self) -> Result<(), Failure> {
        let gateway = self.target.connect()?;
        let (mut index, mut state) = self.ask(&gateway, 0)?;
        // On standard error, so that the changes alone are on standard output.
        let _unwritable = writeln!(io::stderr(), "watching from index {index}");
        loop {
            let (now, next) = self.ask(&gateway, index)?;
            for change in changes(&state, &next) {
                self.print(now, &change)?;
            }
            // An index that went back means another store, or one that was restored: begin anew, as Consul advises.
            index = if now < index { 0 } else { now };
            state = next;
        }
    }

    /// What there is once the index has passed this one.
    fn ask(&self, gateway: &Gateway, index: u64) -> Result<(u64, State), Failure> {
        let index = index.to_string();
        let mut query = vec![("index", Some(index.as_str())), ("wait", Some(WAIT))];
        if self.recurse {
            query.push(("recurse", None));
        }
        let reply = gateway.read(self.key.as_bytes(), &query)?;
        let entries: Vec<Entry> = if reply.found {
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

    fn print(&self, index: u64, change: &Change<'_>) -> Result<(), Failure> {
        match (change, self.json) {
            (Change::Put(entry), true) => print::json(&json!({"Action": "put", "Entry": entry})),
            (Change::Delete(key), true) => {
                print::json(&json!({"Action": "delete", "Key": key, "Index": index}))
            }
            (Change::Put(entry), false) => {
                let value = print::one_line(&entry.bytes()?);
                let line = format!("{} put {} {value}\n", entry.modify_index, entry.key);
                print::bytes(line.as_bytes())
            }
            (Change::Delete(key), false) => {
                print::bytes(format!("{index} delete {key}\n").as_bytes())
            }
        }
    }
}

/// One difference between two states.
#[derive(Debug, PartialEq, Eq)]
enum Change<'a> {
    Put(&'a Entry),
    Delete(&'a str),
}

/// What was deleted, then what was written, in the order of writing.
fn changes<'a>(before: &'a State, after: &'a State) -> Vec<Change<'a>> {
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let mut written: Vec<&Entry> = after
        .values()
        .filter(|entry| before.get(&entry.key) != Some(entry))
        .collect();
    written.sort_by_key(|entry| entry.modify_index);
    let gone = gone.map(|key| Change::Delete(key));
    gone.chain(written.into_iter().map(Change::Put)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(entries: &[(&str, u64)]) -> State {
        let entry = |&(key, modify_index): &(&str, u64)| {
            let entry = Entry {
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
    fn changes_are_told_in_the_order_of_writing() {
        let before = state(&[("a", 1), ("b", 2), ("c", 3)]);
        let after = state(&[("a", 5), ("c", 3), ("d", 4)]);
        let told: Vec<String> = changes(&before, &after)
            .iter()
            .map(|change| match change {
                Change::Put(entry) => format!("put {}", entry.key),
                Change::Delete(key) => format!("delete {key}"),
            })
            .collect();
        assert_eq!(told, ["delete b", "put d", "put a"]);
    }
}

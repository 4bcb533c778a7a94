//! `Profile`: the normal form of a recording, which two recordings of the same steps share.
//!
//! Per step and host it has the requests that commands led to, with counts; the writes of each key in their order; and the
//! forms of the values. What is sent again and again, or depends on who is first, is apart: its forms are compared, its
//! number is not.

mod differences;
mod forms;
mod heartbeats;
mod names;
mod watches;

use std::collections::{BTreeMap, BTreeSet};

use super::form::{is_connection, is_list, is_of_hosts, is_poll, is_write, key, value};
use super::record::Record;
pub use differences::differences;
use heartbeats::{heartbeats, is_lock_monitor};
use names::Names;
use watches::reactions;

/// A kind of requests whose number depends on time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repeated {
    /// A host keeps its entry in the list of hosts.
    Heartbeat,
    /// Parked until something changes, and ZooKeeper's events.
    Poll,
    /// The list of hosts is read because it changed.
    HostList,
    /// The endpoints of a network are listed because their count changed.
    Reaction,
    /// A connection's sign of life.
    Ping,
    /// An endpoint of a network that the host has for itself is looked for in the store of all hosts. Some daemons never
    /// do: libnetwork asks its stores in the order of a map of Go, which is drawn when a daemon starts.
    LocalEndpoint,
}

/// The requests of a host in a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepProfile {
    /// Forms of requests with their results, and how often each was sent.
    pub commands: BTreeMap<String, usize>,
    /// The forms of each key's writes, in their order.
    pub writes: BTreeMap<String, Vec<String>>,
    /// The forms of the values written to each key.
    pub values: BTreeMap<String, BTreeSet<String>>,
    /// Forms of requests, or of groups of them, whose number depends on time, with that number.
    pub repeated: BTreeMap<Repeated, BTreeMap<String, usize>>,
}

/// The normal form of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Steps and hosts, in the order in which each step began.
    pub steps: Vec<(String, BTreeMap<String, StepProfile>)>,
}

impl Profile {
    /// The normal form of a recording that began with an empty store.
    pub fn of(records: &[Record]) -> Self {
        let names = Names::of(records);
        let mut profile = Self::default();
        for record in records {
            profile.at(record);
        }
        let mut grouped = BTreeSet::new();
        for (kind, groups) in [
            (Repeated::Reaction, reactions(records)),
            (Repeated::Heartbeat, heartbeats(records)),
        ] {
            for group in groups.into_iter().filter(|group| !group.is_empty()) {
                let form = |at: &usize| names.unnumbered(&names.exchange(&records[*at]));
                let mut forms: Vec<_> = group.iter().map(form).collect();
                forms.dedup();
                let step = profile.at(&records[group[0]]);
                let form = forms.join("; ");
                *step
                    .repeated
                    .entry(kind)
                    .or_default()
                    .entry(form)
                    .or_default() += 1;
                grouped.extend(group);
            }
        }
        for (number, record) in records.iter().enumerate() {
            if !grouped.contains(&number) {
                profile.at(record).add(&names, record);
            }
        }
        profile
    }

    /// The requests of a record's host in its step.
    fn at(&mut self, record: &Record) -> &mut StepProfile {
        let found = self.steps.iter().position(|(step, _)| *step == record.step);
        let at = found.unwrap_or_else(|| {
            self.steps.push((record.step.clone(), BTreeMap::new()));
            self.steps.len() - 1
        });
        self.steps[at].1.entry(record.host.clone()).or_default()
    }

    /// The requests of a host in a step.
    pub fn step(&self, step: &str, host: &str) -> StepProfile {
        let found = self.steps.iter().find(|(name, _)| name == step);
        let found = found.and_then(|(_, hosts)| hosts.get(host));
        found.cloned().unwrap_or_default()
    }

    /// The same of some steps only.
    #[must_use]
    pub fn only(&self, steps: &[&str]) -> Self {
        let kept = self
            .steps
            .iter()
            .filter(|(name, _)| steps.contains(&name.as_str()));
        Self {
            steps: kept.cloned().collect(),
        }
    }
}

fn is_of_local_endpoint(names: &Names, record: &Record) -> bool {
    let key = names.text(&record.host, &key(record));
    key.ends_with("/endpoint/{local network}/{local endpoint}")
}

/// The kind of a request that belongs to no group, if its number depends on time.
fn repeated(names: &Names, record: &Record) -> Option<Repeated> {
    let is_child_of_list = record.method == "getData" && is_of_hosts(record);
    if record.method == "ping" {
        Some(Repeated::Ping)
    } else if is_connection(record) {
        None
    } else if is_poll(record) || is_lock_monitor(record) {
        Some(Repeated::Poll)
    } else if is_of_local_endpoint(names, record) {
        Some(Repeated::LocalEndpoint)
    } else if is_of_hosts(record) && (is_list(record) || is_child_of_list) {
        Some(Repeated::HostList)
    } else {
        None
    }
}

impl StepProfile {
    fn add(&mut self, names: &Names, record: &Record) {
        let Some(kind) = repeated(names, record) else {
            *self.commands.entry(names.exchange(record)).or_default() += 1;
            if is_write(record) {
                self.add_write(names, record);
            }
            return;
        };
        let forms = self.repeated.entry(kind).or_default();
        *forms
            .entry(names.unnumbered(&names.request(record)))
            .or_default() += 1;
    }

    fn add_write(&mut self, names: &Names, record: &Record) {
        let key = names.text(&record.host, &key(record));
        let value = value(record).filter(|value| !value.is_empty());
        if let Some(value) = value {
            let shapes = self.values.entry(key.clone()).or_default();
            shapes.insert(names.shape(&record.host, &value));
        }
        // Without the results: two sessions that make the same directory at once race for who is first.
        self.writes
            .entry(key)
            .or_default()
            .push(names.request(record));
    }
}

//! Reactions: the reads of a daemon whose watch of a network's count of endpoints saw a change.
//!
//! libnetwork then lists the network's endpoints: it looks whether the directory exists, and lists it. The same two reads
//! belong to commands too; those that follow a watch's news are the reaction. Their number is not certain, since a watch
//! may or may not see the daemon's own change, and two changes at once.

use std::collections::BTreeSet;

use crate::recorder::form::{is_list, is_poll, key, parameter};
use crate::recorder::record::Record;

/// Seconds within which a daemon reacts.
const PROMPT: f64 = 1.0;

/// Seconds by which two times that are the same may differ, since they were rounded.
const MARGIN: f64 = 2e-5;

const COUNTS: &str = "docker/network/v1.0/endpoint_count/";
const ENDPOINTS: &str = "docker/network/v1.0/endpoint/";

/// Seconds at which a request was answered.
fn answered(record: &Record) -> Option<f64> {
    Some(record.t + record.ms? / 1e3)
}

/// The records that are reactions, by number, in groups that belong together.
pub(super) fn reactions(records: &[Record]) -> Vec<Vec<usize>> {
    let mut taken = BTreeSet::new();
    let mut groups = Vec::new();
    let mut begun = BTreeSet::new();
    for (number, time, step) in news(records) {
        let watch = &records[number];
        let network = key(watch)[COUNTS.len()..].to_owned();
        let directory = format!("{ENDPOINTS}{network}");
        let mut group = Vec::new();
        if needs_read(watch) && begun.insert(number) {
            group.extend(read_before(records, number, &taken));
            taken.extend(group.iter().copied());
        }
        let mut next = |from: f64, fits: &dyn Fn(&Record) -> bool| {
            let found = (0..records.len()).find(|at| {
                let record = &records[*at];
                let is_prompt =
                    record.t + MARGIN >= from && record.t < from + PROMPT && record.step == *step;
                is_prompt && record.host == watch.host && !taken.contains(at) && fits(record)
            })?;
            taken.insert(found);
            Some(found)
        };
        let is_read = |record: &Record| !is_poll(record) && record.body.is_none();
        let exists = next(time, &|record| {
            is_read(record) && !is_list(record) && key(record) == directory
        });
        if let Some(exists) = exists {
            group.push(exists);
            let list = next(records[exists].t, &|record| {
                is_list(record) && key(record) == directory
            });
            group.extend(list);
            let names = list
                .filter(|list| records[*list].method == "getChildren2")
                .and_then(|list| records[list].answer.clone())
                .unwrap_or_default();
            for name in names.split_whitespace() {
                let child = format!("{directory}/{name}");
                let from = records[exists].t;
                group.extend(next(from, &|record| {
                    record.method == "getData" && key(record) == child
                }));
            }
        }
        groups.push(group);
    }
    groups
}

/// Whether the value was read before the watch was set: at its beginning, and with ZooKeeper each time.
fn needs_read(watch: &Record) -> bool {
    watch.watch == Some(true) || parameter(&watch.target, "waitIndex") == Some("0")
}

/// The last read of a key whose answer came before this watch of it was set.
fn read_before(records: &[Record], watch: usize, taken: &BTreeSet<usize>) -> Option<usize> {
    let wanted = &records[watch];
    let reads = (0..watch).filter(|at| {
        let record = &records[*at];
        let is_same = record.host == wanted.host && key(record) == key(wanted);
        // A list's reads of its children have doubled paths.
        let is_single = wanted.watch.is_none() || record.target == wanted.target;
        let is_read = ["GET", "getData"].contains(&record.method.as_str()) && !is_poll(record);
        let is_before = answered(record).is_some_and(|time| time <= wanted.t + MARGIN);
        is_same && is_single && is_read && is_before && !taken.contains(at)
    });
    let time = |at: &usize| answered(&records[*at]).unwrap_or_default();
    reads.max_by(|one, other| time(one).total_cmp(&time(other)))
}

/// The polls that brought news of a network's count, or began with it, when and in which step; in the order of time. No step
/// begins before the reactions of the last one are over.
fn news(records: &[Record]) -> Vec<(usize, f64, &str)> {
    let mut found = Vec::new();
    for (number, record) in records.iter().enumerate() {
        let is_watch = is_poll(record) && record.method != "event";
        if !is_watch || !key(record).starts_with(COUNTS) {
            continue;
        }
        if needs_read(record) {
            let read = read_before(records, number, &BTreeSet::new());
            let time = read.and_then(|read| answered(&records[read]));
            let time = time.unwrap_or(record.t);
            found.push((number, time, record.step.as_str()));
        }
        let Some(time) = answered(record).filter(|_| record.watch.is_none()) else {
            continue;
        };
        let before = parameter(&record.target, "index").and_then(|index| index.parse().ok());
        let is_etcd = parameter(&record.target, "waitIndex").is_some();
        if is_etcd || record.index != before {
            let step = record.answered_in.as_ref().unwrap_or(&record.step);
            found.push((number, time, step));
        }
    }
    found.sort_by(|(_, one, _), (_, other, _)| one.total_cmp(other));
    found
}

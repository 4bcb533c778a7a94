//! Heartbeats: the requests with which a daemon keeps its entry in the list of hosts, each time the same few.

use std::collections::BTreeMap;

use crate::recorder::form::{is_poll, key, parameter};
use crate::recorder::record::Record;

const HOSTS: &str = "docker/nodes";

/// Whether it waits for the end of Consul's lock on the host's own entry.
pub(super) fn is_lock_monitor(record: &Record) -> bool {
    let is_entry = key(record).starts_with("docker/nodes/");
    is_entry && parameter(&record.target, "consistent").is_some()
}

/// The records of heartbeats, by number, a group each.
pub(super) fn heartbeats(records: &[Record]) -> Vec<Vec<usize>> {
    let mut open: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut groups = Vec::new();
    for (number, record) in records.iter().enumerate() {
        let (key, host) = (key(record), record.host.as_str());
        let is_entry = key.starts_with("docker/nodes/") && record.method != "event";
        // ZooKeeper's way to an entry that is not there: its parents first.
        let is_parent = record.method == "create"
            && (key == "docker" || key == HOSTS)
            && open
                .get(host)
                .is_some_and(|group| records[group[0]].conn == record.conn);
        let is_session = record.target.starts_with("/v1/session/");
        if !is_entry && !is_parent && !is_session || is_lock_monitor(record) {
            continue;
        }
        let reads_of_list = record.method == "getData" || record.watch == Some(true);
        if reads_of_list {
            continue;
        }
        let begins = record.method == "exists" || record.method == "GET" && !is_poll(record);
        if begins {
            groups.extend(open.insert(host, vec![number]));
        } else {
            open.entry(host).or_default().push(number);
        }
        let is_last = ["PUT", "setData"].contains(&record.method.as_str())
            && record.body.is_some()
            && is_entry;
        if is_last {
            groups.extend(open.remove(host));
        }
    }
    groups.extend(open.into_values());
    groups
}

//! `Kind`: the kinds of requests of a Docker host.

use super::record::Record;

/// The purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Keeps the connection and its session: ZooKeeper's handshake and pings, etcd's list of members, Consul's sessions.
    Connection,
    /// About the list of hosts: heartbeats, and reads of the list.
    Hosts,
    /// Parked until something changes, or an event that ends that.
    Poll,
    /// Anything else.
    Command,
}

/// A parameter of a target's query.
pub fn parameter<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = target.split_once('?')?;
    let found = query
        .split('&')
        .map(|one| one.split_once('=').unwrap_or((one, "")));
    found
        .into_iter()
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Whether the answer may wait for a change.
pub fn is_poll(record: &Record) -> bool {
    let has = |name| parameter(&record.target, name).is_some();
    record.watch == Some(true) || has("wait") || has("index") || record.method == "event"
}

impl Kind {
    /// The kind of a request.
    pub fn of(record: &Record) -> Self {
        let is_connection = record.target.is_empty()
            || record.target == "/v2/members"
            || record.target.starts_with("/v1/session/");
        if is_connection {
            Self::Connection
        } else if is_poll(record) {
            Self::Poll
        } else if record.target.contains("/docker/nodes") {
            Self::Hosts
        } else {
            Self::Command
        }
    }
}

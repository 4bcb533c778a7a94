//! The parts of a request that its form is made of: key, query, kind of change.

use super::record::Record;
use super::shim::Shim;

/// The key a request is about, as etcd spells it: no slash around it, and none doubled by ZooKeeper's lists.
pub fn key(record: &Record) -> String {
    let path = record.target.split('?').next().unwrap_or_default();
    let child = Shim::child_of_doubled(path);
    let path = child.as_deref().unwrap_or(path);
    let path = path.strip_prefix("/v2/keys").unwrap_or(path);
    let path = path.strip_prefix("/v1/kv").unwrap_or(path);
    path.trim_matches('/').to_owned()
}

/// A parameter of a target's query.
pub fn parameter<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = target.split_once('?')?;
    let mut pairs = query
        .split('&')
        .map(|one| one.split_once('=').unwrap_or((one, "")));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

/// Whether a request changes the store.
pub fn is_write(record: &Record) -> bool {
    let writes = [
        "PUT", "DELETE", "POST", "create", "setData", "delete", "multi",
    ];
    writes.contains(&record.method.as_str())
}

/// Whether the store accepted a change.
pub fn is_done(record: &Record) -> bool {
    matches!(record.status, Some(0 | 200 | 201)) && record.answer.as_deref() != Some("false")
}

/// Whether the answer may wait for a change, or is an event that ends such a wait.
pub fn is_poll(record: &Record) -> bool {
    let has = |name| parameter(&record.target, name).is_some();
    record.watch == Some(true) || has("wait") || has("index") || record.method == "event"
}

/// Whether it lists a directory.
pub fn is_list(record: &Record) -> bool {
    let has = |name| parameter(&record.target, name);
    let is_recursive = has("recurse").is_some() || has("recursive") == Some("true");
    record.method == "getChildren2" || record.method == "GET" && is_recursive
}

/// The value that a change writes.
pub fn value(record: &Record) -> Option<String> {
    let body = record.body.as_ref()?;
    if !record.target.starts_with("/v2/") {
        return Some(body.clone());
    }
    let mut fields = form_urlencoded::parse(body.as_bytes());
    fields.find_map(|(name, value)| (name == "value").then(|| value.into_owned()))
}

/// Whether it is one of ZooKeeper's connections, or the ping of one.
pub fn is_connection(record: &Record) -> bool {
    ["connect", "ping", "closeSession", "setWatches"].contains(&record.method.as_str())
}

/// Whether it belongs to the list of hosts: `docker/nodes`, or a host's session.
pub fn is_of_hosts(record: &Record) -> bool {
    record.target.contains("/docker/nodes") || record.target.starts_with("/v1/session/")
}

/// Whether it writes the entry of a host.
pub fn is_heartbeat(record: &Record) -> bool {
    let writes = ["PUT", "setData"].contains(&record.method.as_str());
    writes && record.body.is_some() && record.target.contains("/docker/nodes/")
}

/// Whether it is sent because a command was given, or by a daemon's start, rather than again and again.
pub fn is_of_command(record: &Record) -> bool {
    !is_connection(record)
        && !is_poll(record)
        && !is_of_hosts(record)
        && record.target != "/v2/members"
}

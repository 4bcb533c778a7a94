//! `Record`: a request that went through the recorder, as one line of JSON.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A request and, where there was one, its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The step of the journey it was sent in.
    pub step: String,
    /// Seconds since the recorder was started.
    pub t: f64,
    /// The host that sent it.
    pub host: String,
    /// The number of the connection, of all connections.
    pub conn: u64,
    /// The method of HTTP; the operation of ZooKeeper, or `event` for a change that the server sent to a watch.
    pub method: String,
    /// The target of HTTP with its query; ZooKeeper's path.
    pub target: String,
    /// The body of HTTP; ZooKeeper's data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// ZooKeeper's `watch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<bool>,
    /// The version a change of ZooKeeper depends on, or -1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i32>,
    /// The flags of ZooKeeper's `create`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<i32>,
    /// The status of HTTP; ZooKeeper's result code. Missing while there is no answer, as for a parked poll.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// Milliseconds until the whole answer was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
    /// The index in the answer's head (`X-Consul-Index`, `X-Etcd-Index`), or the version of ZooKeeper's node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// The body of the answer, the node's data, or its children, where it is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The step in which the answer came, where that was a later one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_in: Option<String>,
    /// Whether the connection ended before the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// The change that the ZooKeeper shim made to the request or its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shim: Option<String>,
}

/// Writes records to a file, a line each.
pub fn save(path: &Path, records: &[Record]) {
    let lines: String = records
        .iter()
        .map(|record| serde_json::to_string(record).unwrap() + "\n")
        .collect();
    fs::write(path, lines).unwrap();
}

/// Reads the records of a file.
pub fn load(path: &Path) -> Vec<Record> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    parse(&text)
}

/// Reads records, a line each.
pub fn parse(text: &str) -> Vec<Record> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

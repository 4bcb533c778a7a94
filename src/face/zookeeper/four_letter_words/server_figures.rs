//! `ServerFigures`: what four-letter words report of the server.

use std::fmt::{self, Write};

/// Figures of a server that serves, since it began to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ServerFigures {
    /// `standalone`, `leader` or `follower`.
    pub(crate) mode: &'static str,
    /// The last revision.
    pub(crate) zxid: i64,
    /// Latencies of requests, in milliseconds: the least, the average, the greatest.
    pub(crate) latency_ms: (u64, f64, u64),
    /// Requests received, pings too.
    pub(crate) received: u64,
    /// Replies and events sent.
    pub(crate) sent: u64,
    /// Connections that are open.
    pub(crate) connections: usize,
    /// Requests that are not answered yet.
    pub(crate) outstanding: usize,
    /// Nodes, those that are always there too.
    pub(crate) nodes: usize,
    /// Nodes that end with a session.
    pub(crate) ephemerals: usize,
    /// Bytes of paths and data.
    pub(crate) data_bytes: usize,
    /// Sessions that have not ended, connected or not.
    pub(crate) sessions: usize,
    /// Watches.
    pub(crate) watches: WatchFigures,
    /// How long it has served, in milliseconds.
    pub(crate) uptime_ms: u64,
    /// File descriptors that are open, and how many may be.
    pub(crate) file_descriptors: (u64, u64),
}

/// How many watches there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WatchFigures {
    /// All, as [`WatchTotals`](crate::face::zookeeper::watch_table::WatchTotals) counts them.
    pub(crate) all: usize,
    /// Connections with one that is not of children alone.
    pub(crate) connections: usize,
    /// Different paths with such a one.
    pub(crate) paths: usize,
    /// Such paths, counted for each connection.
    pub(crate) of_data: usize,
}

/// An average as Java prints it: at most four digits after the point, and at least one.
pub(super) fn average(value: f64) -> String {
    format!("{:?}", (value * 10_000.0).round() / 10_000.0)
}

impl ServerFigures {
    /// The lines that `srvr` and `stat` end with.
    pub(super) fn write_lines(&self, to: &mut impl Write) -> fmt::Result {
        let (least, mean, greatest) = self.latency_ms;
        let mean = average(mean);
        writeln!(to, "Latency min/avg/max: {least}/{mean}/{greatest}")?;
        writeln!(to, "Received: {}", self.received)?;
        writeln!(to, "Sent: {}", self.sent)?;
        writeln!(to, "Connections: {}", self.connections)?;
        writeln!(to, "Outstanding: {}", self.outstanding)?;
        writeln!(to, "Zxid: 0x{:x}", self.zxid)?;
        writeln!(to, "Mode: {}", self.mode)?;
        writeln!(to, "Node count: {}", self.nodes)
    }
}

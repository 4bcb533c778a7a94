//! The answer to `mntr`: figures by name, for programs.

use std::fmt::{self, Write};

use super::release::Release;
use super::server_figures::{ServerFigures, average};

/// The lines of `mntr`, in the order of their names in 3.9's first lines.
pub(super) fn write(
    release: &Release,
    figures: &ServerFigures,
    to: &mut impl Write,
) -> fmt::Result {
    let (least, mean, greatest) = figures.latency_ms;
    let (open, most) = figures.file_descriptors;
    line(to, "version", release)?;
    line(to, "server_state", figures.mode)?;
    line(to, "ephemerals_count", figures.ephemerals)?;
    line(to, "num_alive_connections", figures.connections)?;
    line(to, "avg_latency", average(mean))?;
    line(to, "outstanding_requests", figures.outstanding)?;
    line(to, "znode_count", figures.nodes)?;
    line(to, "global_sessions", figures.sessions)?;
    line(to, "packets_sent", figures.sent)?;
    line(to, "packets_received", figures.received)?;
    line(to, "watch_count", figures.watches.all)?;
    line(to, "min_latency", least)?;
    line(to, "max_file_descriptor_count", most)?;
    line(to, "approximate_data_size", figures.data_bytes)?;
    line(to, "open_file_descriptor_count", open)?;
    line(to, "local_sessions", 0)?;
    line(to, "uptime", figures.uptime_ms)?;
    line(to, "max_latency", greatest)
}

fn line(to: &mut impl Write, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(to, "zk_{name}\t{value}")
}

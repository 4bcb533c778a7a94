//! Memory of a server process.

use std::fs;

use serde::{Deserialize, Serialize};

/// Resident memory, in MiB.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    /// Before the attack, with the entries that it needs.
    pub(crate) before: u64,
    /// The most while it lasted.
    pub(crate) peak: u64,
    /// Some time after it.
    pub(crate) after: u64,
}

/// The resident memory now, in MiB; 0 of a process that has ended.
pub(super) fn resident(pid: u32) -> u64 {
    field(pid, "VmRSS:")
}

/// The most resident memory since [`forget_peak`], in MiB.
pub(super) fn peak(pid: u32) -> u64 {
    field(pid, "VmHWM:")
}

/// Begins a new peak.
pub(super) fn forget_peak(pid: u32) {
    let _denied = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn field(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

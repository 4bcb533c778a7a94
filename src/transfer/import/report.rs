//! The report of an import.

use serde::Serialize;

use crate::transfer::LeftOut;

/// The result of an import. Keys are text for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The source.
    pub from: String,
    /// The index of the source that the import is as of.
    pub index: Option<u64>,
    /// The target.
    pub to: String,
    /// The number of entries of the source, and the root if anything was set of it.
    pub entries: usize,
    /// The total length of their values, in bytes.
    pub bytes: u64,
    /// The number of entries written.
    pub written: usize,
    /// The number of entries that the target had already, equal to those of the source.
    pub equal: usize,
    /// The number of entries deleted.
    pub deleted: usize,
    /// The things left out.
    pub left_out: Vec<LeftOut>,
    /// Keys that the source was still changing at the end.
    pub changing: Vec<String>,
    /// Keys whose entry in the target is missing or differs from that of the source.
    pub wrong: Vec<String>,
    /// Keys that only the target has.
    pub extra: Vec<String>,
    /// Whether the target may have such keys.
    pub extra_allowed: bool,
}

impl ImportReport {
    /// Whether the target equals the source, and everything left out was meant to be.
    pub fn is_good(&self) -> bool {
        let extra = self.extra_allowed || self.extra.is_empty();
        let faults = self.left_out.iter().any(|one| one.reason.is_fault());
        extra && !faults && self.wrong.is_empty() && self.changing.is_empty()
    }
}

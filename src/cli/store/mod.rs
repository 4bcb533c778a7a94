//! The commands on an embedded store's directory.

mod backup;
mod check;
mod report;

pub(super) use backup::Backup;
pub(super) use check::Check;

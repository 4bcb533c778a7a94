//! Commands on the directory of an embedded store.

mod backup;
mod check;
mod report;

pub(super) use backup::Backup;
pub(super) use check::Check;

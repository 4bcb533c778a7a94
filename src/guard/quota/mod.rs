//! Counts of what is beneath prefixes, for quotas. They know no policy: which prefixes are counted, and how much may be beneath
//! them, others say.

mod ledger;
#[cfg(test)]
mod ledger_test;
mod path_shapes;
mod summed_changes;
mod usage;

pub(super) use ledger::QuotaLedger;
pub(super) use path_shapes::{PathShape, PathShapes, ShapeSegment};
pub(super) use summed_changes::SummedChanges;
pub(super) use usage::Growth;

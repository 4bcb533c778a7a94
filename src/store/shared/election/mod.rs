//! Leader election: the leader record, the leadership that its holder keeps, and the store of one term.

mod boot_clock;
pub(crate) mod leader_record;
pub(super) mod leader_store;
pub(super) mod leadership;

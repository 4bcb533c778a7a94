//! Leader election: the leader record, the leadership that its holder keeps, and the store of one term.

mod boottime;
pub(super) mod leader_store;
pub(super) mod leadership;
pub(crate) mod record;

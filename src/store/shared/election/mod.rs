//! Leader election: the leader record, the leadership that its holder keeps by heartbeats, and the store of one term.
//!
//! [`leadership`] acquires, keeps and releases leadership. It decides by pure parts: [`takeover`] (may this gateway stand
//! now), [`next_record`] (the record to send), [`attempts`] (what became of a record sent) and [`validity`] (how long
//! leadership lasts).

mod attempts;
mod boot_clock;
pub(super) mod candidate;
pub(crate) mod leader_record;
pub(super) mod leader_store;
pub(super) mod leadership;
mod next_record;
mod takeover;
pub(super) mod term;
mod validity;

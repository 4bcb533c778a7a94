//! `/v2/stats/...`: statistics of the member, of the store, and of the leader.

pub(super) mod counters;
pub(super) mod leader;
pub(super) mod stats_self;
pub(super) mod store;

//! Writes on their way to etcd: commits of the leader, which may share a transaction, and the gateways' records.

pub(crate) mod announce;
pub(crate) mod batch;
#[cfg(test)]
mod batch_test;
pub(crate) mod bulk;
pub(crate) mod compare_groups;
pub(crate) mod compile;
pub(crate) mod leader_record;
pub(crate) mod nesting;
pub(crate) mod proposal;
pub(crate) mod transaction;
pub(crate) mod waiting_commits;

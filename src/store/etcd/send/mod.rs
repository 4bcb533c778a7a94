//! Writes on their way to etcd, each one transaction.

pub(crate) mod announce;
pub(crate) mod bulk;
pub(crate) mod compare_groups;
pub(crate) mod leader_record;
pub(crate) mod nesting;
pub(crate) mod proposal;
pub(crate) mod transaction;

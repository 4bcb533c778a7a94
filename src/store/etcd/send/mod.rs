//! Writes on their way to etcd, each one transaction.

pub(crate) mod bulk;
pub(crate) mod proposal;

//! Connections to the members of an etcd cluster.

pub(crate) mod access;
pub(crate) mod error;
pub(crate) mod pool;
pub(crate) mod version;

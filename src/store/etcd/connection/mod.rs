//! Connections to the members of an etcd cluster: one at a time, and to the next member where it fails.

pub(crate) mod access;
pub(crate) mod error;
pub(crate) mod member;
pub(crate) mod pool;
pub(crate) mod version;

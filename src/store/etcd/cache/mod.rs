//! The key cache: where each key under the prefix stands, as of one revision of etcd.

pub(crate) mod apply;
pub(crate) mod contents;
pub(crate) mod key_cache;
#[cfg(test)]
mod relist_test;

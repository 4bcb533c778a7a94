//! The cache of the keys under the prefix.

pub(crate) mod key_cache;
#[cfg(test)]
mod relist_test;

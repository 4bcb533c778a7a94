//! Revisions: the place of a change in the one order of all changes.

use serde::{Deserialize, Serialize};

/// The place of one change in the order of all: `main` counts commits, `sub` the changes inside one.
///
/// Independent commits never share a main revision, because etcd v2 clients resume at index + 1 and would miss the
/// second. Changes of one transaction do share it and travel together.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Revision {
    /// The commit: Consul's index, etcd's index, ZooKeeper's zxid.
    pub main: u64,
    /// The change within the commit, from 0.
    pub sub: u32,
}

impl Revision {
    /// The change `sub` of commit `main`.
    pub fn new(main: u64, sub: u32) -> Self {
        Self { main, sub }
    }
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.main, self.sub)
    }
}

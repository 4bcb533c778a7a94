//! `OverQuota`: the quota that refuses a change.

use crate::model::Key;

/// What a quota limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaResource {
    /// How many keys there are.
    Keys,
    /// The bytes of keys and values.
    Bytes,
}

impl QuotaResource {
    /// Its name in a policy and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Bytes => "bytes",
        }
    }
}

/// The quota that refuses a change. It says nothing of how much others hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("over quota '{quota}': it allows no more {}", .resource.name())]
pub struct OverQuota {
    /// The quota's name.
    pub quota: String,
    /// Of what there would be too much.
    pub resource: QuotaResource,
    /// A key that the change adds to.
    pub key: Key,
}

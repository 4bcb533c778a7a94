//! Things that are not moved, and the reasons.

use serde::{Deserialize, Serialize};

/// Why something is not moved, or may not be moved as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeftOutReason {
    /// A session: its owner creates another one.
    Session,
    /// A lock: the entry is moved, unlocked.
    Lock,
    /// An entry that is deleted when the session that holds it ends.
    Ephemeral,
    /// An access list that ZooKeeper does not show to the user: the entry is moved, readable and writable by all.
    AccessList,
    /// An entry whose TTL had run out.
    Ended,
    /// A key that is not UTF-8, so that the source does not return its bytes.
    UnknownName,
    /// A value that may not be UTF-8, so that the source may have returned other bytes: it is moved as returned.
    DoubtfulValue,
    /// An entry that changed while the source was read, so that the listing is not as of one index.
    Changing,
    /// An entry that exceeds the limits of the target.
    Unfit,
    /// What was set of `/`, where the keys get another prefix.
    Root,
}

impl LeftOutReason {
    /// Whether the import is incomplete because of it.
    pub fn is_fault(self) -> bool {
        match self {
            Self::Session | Self::Lock | Self::Ephemeral | Self::Ended | Self::Root => false,
            Self::AccessList
            | Self::UnknownName
            | Self::DoubtfulValue
            | Self::Changing
            | Self::Unfit => true,
        }
    }

    /// A description for people.
    pub fn description(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Lock => "lock",
            Self::Ephemeral => "ephemeral entry",
            Self::AccessList => {
                "access list that the source does not show to this user (the entry is moved, readable and writable by every \
                 client)"
            }
            Self::Ended => "entry whose TTL has run out",
            Self::UnknownName => "key that is not UTF-8",
            Self::DoubtfulValue => "value that may not be UTF-8 (moved as the source returned it)",
            Self::Changing => "entry that changed while it was read (moved as it was read)",
            Self::Unfit => "entry that the target does not take",
            Self::Root => "data and access list of the root (the keys get another prefix)",
        }
    }
}

/// One thing that is not moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The reason.
    #[serde(rename = "left_out")]
    pub reason: LeftOutReason,
    /// Its name; never a value.
    pub name: String,
}

//! Entries as they are moved: what every protocol has in common, and what had to be left out.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::model::DirMark;

/// An entry without its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The value.
    pub value: Bytes,
    /// Consul's flags.
    pub flags: u64,
    /// Whether it is a directory of etcd v2.
    pub dir: DirMark,
    /// What was left of its TTL when it was read, in milliseconds.
    pub ttl_left_ms: Option<u64>,
}

/// Entries by key, in Consul's spelling.
pub type Items = BTreeMap<Vec<u8>, Item>;

/// Why something is not moved, or not known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// A session: its owner makes another one.
    Session,
    /// A lock: the entry is moved, and is free.
    Lock,
    /// An entry that goes with the session that holds it.
    Ephemeral,
    /// Who may read and write a node of ZooKeeper's: the entry is moved.
    AccessList,
    /// An entry whose TTL was over.
    Ended,
    /// A key whose real name the source does not tell: it is not UTF-8.
    UnknownName,
    /// A value that the source may not have told as it is: it is moved as told, and may not be UTF-8.
    DoubtfulValue,
    /// It changed while the source was read, which is as of no one index for that.
    Changing,
    /// The target does not take it.
    Unfit,
}

impl Left {
    /// Whether something is missing that somebody may miss.
    pub fn is_fault(self) -> bool {
        match self {
            Self::Session | Self::Lock | Self::Ephemeral | Self::AccessList | Self::Ended => false,
            Self::UnknownName | Self::DoubtfulValue | Self::Changing | Self::Unfit => true,
        }
    }

    /// What people call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Lock => "lock",
            Self::Ephemeral => "ephemeral entry",
            Self::AccessList => "access list (the entry is moved, and is free to all)",
            Self::Ended => "entry whose TTL is over",
            Self::UnknownName => "key that is not UTF-8",
            Self::DoubtfulValue => "value that may not be UTF-8 (moved as it was told)",
            Self::Changing => "entry that changed while it was read (moved as it was read)",
            Self::Unfit => "entry that the target does not take",
        }
    }
}

/// One thing that is not moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Why.
    #[serde(rename = "left_out")]
    pub left: Left,
    /// Which; never a value.
    pub name: String,
}

/// All that a source holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Where it was read; holds no secrets.
    pub origin: String,
    /// The source's index, if it is as of one.
    pub index: Option<u64>,
    /// When it was read, in milliseconds since 1970 by this machine's clock: TTLs count from here.
    pub read_ms: i64,
    /// The entries.
    pub items: Items,
    /// What is not among them.
    pub left_out: Vec<LeftOut>,
}

impl Listing {
    /// Notes something that is not moved.
    pub(super) fn leave(&mut self, left: Left, name: impl Into<String>) {
        let name = name.into();
        self.left_out.push(LeftOut { left, name });
    }

    /// How many bytes the values have.
    pub fn bytes(&self) -> u64 {
        let lengths = self.items.values().map(|item| item.value.len());
        u64::try_from(lengths.sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// Puts another prefix in the place of one. Entries whose keys do not begin with that one are dropped.
    pub(super) fn rename(&mut self, from: &[u8], to: &[u8]) {
        let items = std::mem::take(&mut self.items).into_iter();
        let renamed = items.filter_map(|(key, item)| {
            let rest = key.strip_prefix(from)?;
            Some(([to, rest].concat(), item))
        });
        self.items = renamed.collect();
    }

    /// When an item's TTL is over, in milliseconds since 1970.
    pub(super) fn ends_ms(&self, item: &Item) -> Option<i64> {
        let left = item.ttl_left_ms?;
        Some(self.read_ms.saturating_add_unsigned(left))
    }
}

/// A key on one line of text.
pub fn shown(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) => text.escape_debug().to_string(),
        Err(_) => key.escape_ascii().to_string(),
    }
}

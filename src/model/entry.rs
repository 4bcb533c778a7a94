//! Entries: a value and what the protocols remember beside it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::znode_attrs::ZnodeAttrs;
use super::{LeaseId, Revision, is_default};

/// A revision that a record remembers.
///
/// A record cannot contain its own revision, because the store assigns it with the commit. So it says `ThisWrite`, and
/// the next write of the entry turns that into `At`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// The commit that wrote this record.
    #[default]
    ThisWrite,
    /// An earlier commit.
    At(u64),
}

impl Mark {
    /// The main revision meant, where `written` is the record's own.
    pub fn resolve(self, written: Revision) -> u64 {
        match self {
            Self::ThisWrite => written.main,
            Self::At(main) => main,
        }
    }
}

/// Whether an entry is a directory of etcd v2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirMark {
    /// An ordinary entry.
    #[default]
    No,
    /// A client made this directory.
    Made,
    /// It came into being as the parent of something: etcd v2 shows it, but reports no event for it.
    Implied,
}

/// When a plain key ends by its own TTL (etcd v2), as clients are shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Wall-clock milliseconds since 1970; see [`Deadline::kept_by_renewals`]. Read back only after a restart; a running
    /// gateway counts time spent serving.
    pub at_ms: i64,
    /// The TTL asked for, in milliseconds: no restart makes a key live longer than this plus the outage.
    pub ttl_ms: u64,
}

/// What [`Deadline::kept_by_renewals`] adds to the time: more than any TTL reaches, less than a number of JSON holds.
const RENEWALS_MS: i64 = 1 << 52;

impl Deadline {
    /// The deadline of an entry that renewals keep alive without a write, as it is stored: so far away that whoever serves
    /// next, of any release, begins with the full TTL.
    #[must_use]
    pub fn kept_by_renewals(self) -> Self {
        let at_ms = self.as_written().at_ms.saturating_add(RENEWALS_MS);
        Self { at_ms, ..self }
    }

    /// Whether renewals keep the entry alive, of which the store knows nothing.
    pub fn is_kept_by_renewals(self) -> bool {
        self.at_ms >= RENEWALS_MS
    }

    /// The deadline as it was when the entry was written.
    #[must_use]
    pub fn as_written(self) -> Self {
        let at_ms = if self.is_kept_by_renewals() {
            self.at_ms.saturating_sub(RENEWALS_MS)
        } else {
            self.at_ms
        };
        Self { at_ms, ..self }
    }
}

/// What the protocols remember of an entry beside its value. Unknown attributes are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attrs {
    /// Consul's `Flags`: all 64 bits are the client's.
    #[serde(skip_serializing_if = "is_default")]
    pub flags: u64,
    /// Writes since the entry was created, from 0 (ZooKeeper's data version; etcd v3's is one more). A write of the access
    /// list alone is none.
    #[serde(skip_serializing_if = "is_default")]
    pub version: u64,
    /// When it was created, in milliseconds since 1970.
    pub ctime_ms: i64,
    /// When it was last written, in milliseconds since 1970; as for the version, the access list alone does not count.
    pub mtime_ms: i64,
    /// The commit that created it: Consul's `CreateIndex`, ZooKeeper's czxid, etcd v3's `create_revision`.
    #[serde(skip_serializing_if = "is_default")]
    pub created: Mark,
    /// etcd v2's `createdIndex`, which `set` renews although the entry was there.
    #[serde(skip_serializing_if = "is_default")]
    pub placed: Mark,
    /// Whether it is an etcd v2 directory.
    #[serde(skip_serializing_if = "is_default")]
    pub dir: DirMark,
    /// The session that holds it locked (Consul).
    #[serde(skip_serializing_if = "is_default")]
    pub lock: Option<LeaseId>,
    /// How often it was locked (Consul's `LockIndex`).
    #[serde(skip_serializing_if = "is_default")]
    pub lock_index: u64,
    /// The lease it ends with, apart from any lock (ZooKeeper's ephemerals, etcd v3's leases).
    #[serde(skip_serializing_if = "is_default")]
    pub bound: Option<LeaseId>,
    /// When it ends by itself (etcd v2's TTL).
    #[serde(skip_serializing_if = "is_default")]
    pub deadline: Option<Deadline>,
    /// What only ZooKeeper remembers: few entries have any of it, so all of it is in one place.
    #[serde(skip_serializing_if = "is_default")]
    pub znode: Option<Box<ZnodeAttrs>>,
    /// Attributes of a newer version, kept as they came.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

impl Attrs {
    /// Forgets what is known of the data that a write is about to replace.
    pub(super) fn forget_data_marks(&mut self) {
        if self.znode.is_some() {
            ZnodeAttrs::change(&mut self.znode, |znode| {
                znode.data = None;
                znode.null = None;
            });
        }
    }
}

/// An entry as it is handed to a store: all but the revision, which the store assigns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The client's bytes.
    pub value: Bytes,
    /// What is remembered beside them.
    pub attrs: Attrs,
}

impl Record {
    /// The record that a write at `now_ms` of this key begins with: the previous one's, with its marks made firm and
    /// its version counted up, or a fresh one. The writer then changes what it means to change.
    pub fn successor(before: Option<&Entry>, now_ms: i64) -> Self {
        let Some(before) = before else {
            let attrs = Attrs {
                ctime_ms: now_ms,
                mtime_ms: now_ms,
                ..Attrs::default()
            };
            return Self {
                value: Bytes::new(),
                attrs,
            };
        };
        let mut record = before.record.clone();
        record.attrs.created = Mark::At(before.created());
        record.attrs.placed = Mark::At(before.placed());
        record.attrs.version = record.attrs.version.saturating_add(1);
        record.attrs.mtime_ms = now_ms;
        record.attrs.forget_data_marks();
        record
    }
}

/// A record in the keyspace, with the revision its store gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What was written.
    pub record: Record,
    /// The change that wrote it: Consul's `ModifyIndex`, etcd v2's `modifiedIndex`.
    pub modified: Revision,
}

impl Entry {
    /// The value.
    pub fn value(&self) -> &Bytes {
        &self.record.value
    }

    /// The attributes.
    pub fn attrs(&self) -> &Attrs {
        &self.record.attrs
    }

    /// The main revision of the commit that created it.
    pub fn created(&self) -> u64 {
        self.record.attrs.created.resolve(self.modified)
    }

    /// The main revision etcd v2 calls `createdIndex`.
    pub fn placed(&self) -> u64 {
        self.record.attrs.placed.resolve(self.modified)
    }

    /// The main revision of its last write.
    pub fn index(&self) -> u64 {
        self.modified.main
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_has_its_predecessors_creation_revision() {
        let first = Entry {
            record: Record::successor(None, 5),
            modified: Revision::new(7, 0),
        };
        let second = Record::successor(Some(&first), 6);
        assert_eq!(second.attrs.created, Mark::At(7));
        assert_eq!(second.attrs.version, 1);
        assert_eq!((second.attrs.ctime_ms, second.attrs.mtime_ms), (5, 6));
    }

    #[test]
    fn a_deadline_that_renewals_keep_is_read_back_as_it_was() {
        let deadline = Deadline {
            at_ms: 9_223_372_036_000,
            ttl_ms: 60_000,
        };
        let stored = deadline.kept_by_renewals();
        assert!(stored.is_kept_by_renewals() && !deadline.is_kept_by_renewals());
        assert_eq!(stored.as_written(), deadline);
        assert_eq!(stored.kept_by_renewals(), stored);
        assert!(stored.at_ms < 1 << 53, "a number of JSON holds it exactly");
    }

    #[test]
    fn attributes_of_a_newer_version_are_kept() {
        let text =
            r#"{"flags":3304740253564472344,"acl":[{"perms":31}],"ctime_ms":1,"mtime_ms":2}"#;
        let attrs: Attrs = serde_json::from_str(text).unwrap();
        assert_eq!(attrs.flags, 3_304_740_253_564_472_344);
        let again = serde_json::to_value(&attrs).unwrap();
        assert_eq!(
            again,
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }
}

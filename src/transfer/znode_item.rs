//! ZooKeeper's attributes of an entry that is moved: access list, null data, container, TTL, and versions.

use serde::{Deserialize, Serialize};

use crate::model::{AccessList, Attrs, Entry, Mark, Record};

/// The attributes of an entry that only ZooKeeper keeps; each is the default unless it says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ZnodeItem {
    /// Its access list; `None` permits everybody everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<AccessList>,
    /// Whether its data is null, and not just empty.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub null: bool,
    /// Whether it is a container.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub container: bool,
    /// How long it outlives its last write while it has no children, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<u64>,
}

/// How often an entry was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemVersions {
    /// The version of its data.
    pub data: u64,
    /// The version of its access list.
    pub acl: u32,
}

impl ZnodeItem {
    /// Those of an entry.
    pub(super) fn of(entry: &Entry) -> Self {
        let attrs = entry.attrs();
        Self {
            acl: attrs.access().cloned(),
            null: entry.data().is_none(),
            container: attrs.is_container(),
            ttl_ms: attrs.childless_ttl_ms(),
        }
    }

    /// Gives them to a record, except for null data.
    pub(super) fn apply(&self, record: &mut Record) {
        let is_new = record.attrs.created == Mark::ThisWrite;
        if record.attrs.access() != self.acl.as_ref() {
            let list = self.acl.clone().unwrap_or_else(AccessList::open);
            if is_new {
                record.attrs.set_access(list);
            } else {
                record.replace_access(list);
            }
        }
        record.attrs.set_container(self.container);
        record.attrs.set_childless_ttl_ms(self.ttl_ms);
    }
}

impl ItemVersions {
    /// Those of an entry.
    pub(super) fn of(attrs: &Attrs) -> Self {
        Self {
            data: attrs.version,
            acl: attrs.aversion(),
        }
    }
}

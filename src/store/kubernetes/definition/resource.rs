//! The custom resource an entry is kept as: `entries.kubekv.io/v1`, kind `Entry`, short name `kv`.
//!
//! Text stands as text, so that `kubectl get kv -o yaml` and `kubectl edit kv` show and change what a client wrote.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Cause, DirMark};
use crate::store::shared::write_ids::WriteId;

/// The longest value, in bytes: etcd takes requests of 1.5 MiB, and base64 makes four bytes of three.
pub(crate) const VALUE_BYTES: usize = 1 << 20;

/// One entry of a kubekv keyspace, or one of the gateway's own records.
#[expect(
    clippy::duplicated_attributes,
    reason = "columns have a type each, and may have the same"
)]
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "kubekv.io",
    version = "v1",
    kind = "Entry",
    plural = "entries",
    shortname = "kv",
    namespaced,
    category = "kubekv",
    doc = "An entry of a kubekv keyspace, or one of the gateway's own records.",
    printcolumn(name = "Key", type_ = "string", json_path = ".spec.key"),
    printcolumn(
        name = "Record",
        type_ = "string",
        json_path = ".metadata.labels.kubekv\\.io/record"
    ),
    printcolumn(name = "Size", type_ = "integer", json_path = ".spec.size"),
    printcolumn(
        name = "Revision",
        type_ = "string",
        json_path = ".metadata.resourceVersion"
    ),
    printcolumn(
        name = "Deleted",
        type_ = "boolean",
        json_path = ".spec.deleted",
        priority = 1
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase", default)]
// Nobody owns single fields: to name them all in managed fields would take as much room as a small entry.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub(crate) struct EntrySpec {
    /// The key as clients write it, without a leading slash, where it is text. The object's name is made from it: an
    /// object whose name does not fit is left out.
    #[schemars(length(max = 8192))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    // Not of the format `byte`: rules would read it in base64 for URLs, and fail on much of the usual.
    /// The key, where it is not text.
    #[schemars(length(max = 11000), regex(pattern = "^[A-Za-z0-9+/]*={0,2}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_base64: Option<String>,
    /// `system` for the gateway's own records (sessions, lock delays, the lead), which no client sees.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) realm: SpecRealm,
    /// The value, where it is text.
    #[schemars(length(max = 1_048_576))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The value, where it is not text.
    #[schemars(length(max = 1_398_104), regex(pattern = "^[A-Za-z0-9+/]*={0,2}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value_base64: Option<String>,
    /// The value's length in bytes when the gateway wrote it; for people only.
    #[schemars(range(min = 0, max = 1_048_576))]
    pub(crate) size: i64,
    /// The entry is deleted; the object is removed a moment later.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) deleted: bool,
    /// What the protocols remember beside the value.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) attributes: Attributes,
    /// Why it was last written.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) cause: SpecCause,
    /// The key that was acted on as a whole, where that is not this one.
    #[schemars(length(max = 8192))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// Which of a gateway's writes this is; a change that brings no new one was made by somebody else.
    #[serde(rename = "stamp", skip_serializing_if = "Option::is_none")]
    pub(crate) write_id: Option<SpecWriteId>,
    /// Which transaction it is a step of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<Step>,
}

/// Whose entry it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SpecRealm {
    #[default]
    User,
    System,
}

/// As [`Cause`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SpecCause {
    #[default]
    Set,
    Create,
    Update,
    CompareAndSwap,
    Delete,
    CompareAndDelete,
    Expire,
    Refresh,
}

/// As [`DirMark`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SpecDir {
    #[default]
    No,
    Made,
    Implied,
}

/// As [`crate::model::Attrs`]. Revisions are the store's resourceVersions; one that is missing is this write's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Attributes {
    /// Consul's flags: 64 bits, more than a JSON number holds.
    #[schemars(length(max = 20), regex(pattern = "^[0-9]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flags: Option<String>,
    /// Writes since the entry came to be.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) version: u64,
    /// When it came to be, in milliseconds since 1970.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) ctime_ms: i64,
    /// When it was last written, in milliseconds since 1970, if not when it came to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mtime_ms: Option<i64>,
    /// The revision it came to be at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<u64>,
    /// The revision etcd v2 calls createdIndex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) placed: Option<u64>,
    /// Whether it is a directory of etcd v2.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) dir: SpecDir,
    /// The session that holds it locked.
    #[schemars(
        length(max = 36),
        regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock: Option<String>,
    /// How often it was locked.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) lock_index: u64,
    /// The lease it ends with.
    #[schemars(
        length(max = 36),
        regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<String>,
    /// When it ends by its own TTL, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_ms: Option<i64>,
    /// The TTL asked for, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_ms: Option<u64>,
    /// Attributes of a newer version, kept as they came.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "anything")]
    pub(crate) other: BTreeMap<String, serde_json::Value>,
}

/// The name of one write of one gateway, and what it made of the object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SpecWriteId {
    /// The gateway's term as the one that writes.
    pub(crate) term: u64,
    /// Its writes, counted.
    pub(crate) sequence: u64,
    /// The object's generation with this write: another one says that somebody edited the object since.
    pub(crate) generation: i64,
}

impl SpecWriteId {
    /// The write's name alone.
    pub(crate) fn name(self) -> WriteId {
        WriteId {
            term: self.term,
            sequence: self.sequence,
        }
    }
}

/// Where on the line the entry stands, if not at its object's resourceVersion: where its transaction stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    /// The revision of the transaction.
    pub(crate) revision: u64,
    /// The change within it.
    pub(crate) sub: u32,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn anything(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

impl From<Cause> for SpecCause {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Set => Self::Set,
            Cause::Create => Self::Create,
            Cause::Update => Self::Update,
            Cause::CompareAndSwap => Self::CompareAndSwap,
            Cause::Delete => Self::Delete,
            Cause::CompareAndDelete => Self::CompareAndDelete,
            Cause::Expire => Self::Expire,
            Cause::Refresh => Self::Refresh,
        }
    }
}

impl From<SpecCause> for Cause {
    fn from(cause: SpecCause) -> Self {
        match cause {
            SpecCause::Set => Self::Set,
            SpecCause::Create => Self::Create,
            SpecCause::Update => Self::Update,
            SpecCause::CompareAndSwap => Self::CompareAndSwap,
            SpecCause::Delete => Self::Delete,
            SpecCause::CompareAndDelete => Self::CompareAndDelete,
            SpecCause::Expire => Self::Expire,
            SpecCause::Refresh => Self::Refresh,
        }
    }
}

impl From<DirMark> for SpecDir {
    fn from(mark: DirMark) -> Self {
        match mark {
            DirMark::No => Self::No,
            DirMark::Made => Self::Made,
            DirMark::Implied => Self::Implied,
        }
    }
}

impl From<SpecDir> for DirMark {
    fn from(dir: SpecDir) -> Self {
        match dir {
            SpecDir::No => Self::No,
            SpecDir::Made => Self::Made,
            SpecDir::Implied => Self::Implied,
        }
    }
}

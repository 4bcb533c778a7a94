//! The custom resource of an entry: `entries.kubekv.io/v1`, kind `Entry`, short name `kv`.
//!
//! Text is stored as text, so that `kubectl get kv -o yaml` and `kubectl edit kv` show and change what a client wrote.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::model::{AccessList, Cause, DirMark, is_default};
use crate::store::shared::write_ids::WriteId;

/// The longest value, in bytes: etcd accepts requests of 1.5 MiB, and base64 makes four bytes of three.
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
// No program owns single fields: naming them all in managed fields would be as long as a small entry.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub(crate) struct EntrySpec {
    /// The key as clients write it, without a leading slash, if it is text. The object's name is derived from it: an
    /// object with another name is ignored.
    #[schemars(length(max = 8192))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    // Not of the format `byte`: rules would read it as base64 for URLs, and fail on much of standard base64.
    /// The key in base64, if it is not text.
    #[schemars(length(max = 11000), regex(pattern = "^[A-Za-z0-9+/]*={0,2}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_base64: Option<String>,
    /// `system` for the gateway's own records (sessions, lock delays, the leader record), which no client sees.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) realm: SpecRealm,
    /// The value, if it is text.
    #[schemars(length(max = 1_048_576))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// The value in base64, if it is not text.
    #[schemars(length(max = 1_398_104), regex(pattern = "^[A-Za-z0-9+/]*={0,2}$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value_base64: Option<String>,
    /// The value's length in bytes when a gateway wrote it. Informative only.
    #[schemars(range(min = 0, max = 1_048_576))]
    pub(crate) size: i64,
    /// The entry is deleted: this object is a tombstone, and the leader removes it a moment later.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) deleted: bool,
    /// What the protocols store beside the value.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) attributes: SpecAttributes,
    /// The operation that wrote the entry last.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) cause: SpecCause,
    /// The key that the operation was about as a whole, if that is not this one.
    #[schemars(length(max = 8192))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// The write id of the last write of a gateway. A change that brings no new one is an external write, such as an edit
    /// with kubectl.
    #[serde(rename = "stamp", skip_serializing_if = "Option::is_none")]
    pub(crate) write_id: Option<SpecWriteId>,
    /// The transaction that changed the entry, if its revision is not this object's resourceVersion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<SpecStep>,
}

/// Whether an entry is a client's or one of the gateway's own records.
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

/// As [`crate::model::Attrs`]. Revisions are resourceVersions plus the offset in the leader record; a missing one is that of
/// this write.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SpecAttributes {
    /// Consul's flags: 64 bits, more than a JSON number holds.
    #[schemars(length(max = 20), regex(pattern = "^[0-9]+$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) flags: Option<String>,
    /// Counts the writes since the entry was created.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) version: u64,
    /// When it was created, in milliseconds since 1970.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) ctime_ms: i64,
    /// When it was last written, in milliseconds since 1970, if not when it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mtime_ms: Option<i64>,
    /// The revision at which it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created: Option<u64>,
    /// The revision that etcd v2 calls createdIndex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) placed: Option<u64>,
    /// Whether it is a directory of etcd v2.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) dir: SpecDir,
    /// The session that holds its lock.
    #[schemars(
        length(max = 36),
        regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lock: Option<String>,
    /// How often it was locked.
    #[serde(skip_serializing_if = "is_default")]
    pub(crate) lock_index: u64,
    /// The lease with which it is deleted.
    #[schemars(
        length(max = 36),
        regex(pattern = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<String>,
    /// When its own TTL deletes it, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deadline_ms: Option<i64>,
    /// The TTL that the client set, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ttl_ms: Option<u64>,
    // Earlier releases, and the definitions that came with them, keep what stands here. They drop other fields that they
    // do not know, so new attributes are added here.
    /// Attributes that came after the first release: `znode`, what ZooKeeper alone stores beside the value. Those of a newer
    /// release are kept unchanged.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "other")]
    pub(crate) other: BTreeMap<String, serde_json::Value>,
}

/// The write id of a gateway's write, and the object's generation with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SpecWriteId {
    /// The term of the leader that wrote.
    pub(crate) term: u64,
    /// Counts the writes of that leader.
    pub(crate) sequence: u64,
    /// The object's generation with this write. If the object has a higher one, it was edited since.
    pub(crate) generation: i64,
}

impl SpecWriteId {
    /// The write id without the generation.
    pub(crate) fn name(self) -> WriteId {
        WriteId {
            term: self.term,
            sequence: self.sequence,
        }
    }
}

/// The revision of an entry that is not its object's resourceVersion: that of the transaction that changed it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SpecStep {
    /// The revision of the transaction.
    pub(crate) revision: u64,
    /// The index of the change within it.
    pub(crate) sub: u32,
}

/// The schema of the other attributes: of [`crate::model::ZnodeAttrs`], and any of a newer release.
fn other(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let count = |description: &str| json!({"type": "integer", "format": "int64", "minimum": 0, "description": description});
    let text = |length: usize, description: &str| json!({"type": "string", "maxLength": length, "description": description});
    let entry = json!({
        "type": "object",
        "required": ["perms", "scheme", "id"],
        "properties": {
            "perms": {"type": "integer", "format": "int32",
                "description": "Bits: 1 read, 2 write, 4 create, 8 delete, 16 administer."},
            "scheme": text(AccessList::MAX_BYTES, "How a client proves to be meant: world, ip, digest, ..."),
            "id": text(AccessList::MAX_BYTES, "Who is meant, in the scheme's own form."),
        },
    });
    let data = json!({
        "type": "object",
        "required": ["version", "revision"],
        "description": "The revision that wrote the data, and its version, where a later one set the access list alone.",
        "properties": {"version": count("The version."), "revision": count("The revision.")},
    });
    let znode = json!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "description": "What ZooKeeper alone stores beside the value.",
        "properties": {
            "acl": {"type": "array", "minItems": 1, "maxItems": AccessList::MAX_BYTES / 45, "items": entry,
                "description": "Who may do what with the entry, over every protocol; without it, all everything."},
            "aversion": {"type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX,
                "description": "Counts how often the access list was set."},
            "data": data,
            "null": count("The version whose data is null, and not just empty."),
            "container": {"type": "boolean", "description": "It is deleted when its last child is gone."},
            "ttl_ms": count("How long it outlives its last write while it has no children, in milliseconds."),
            "imported_version": count("By how much the version exceeds the number of writes: an import kept it."),
        },
    });
    schemars::json_schema!({
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "properties": {"znode": znode},
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

//! Entry objects: read from the API server's JSON, and written as the body of a request.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{name, spec};
use crate::model::{Key, Record};
use crate::store::kubernetes::definition::resource::{EntrySpec, SpecStep, SpecWriteId};

/// The label that entries directly beneath one directory share.
pub(crate) const PARENT: &str = "kubekv.io/parent";

/// The label of the gateway's own records; entries of clients have none.
pub(crate) const RECORD: &str = "kubekv.io/record";

/// Metadata that other programs set, and that a replacement of the object keeps.
const KEPT: [&str; 3] = ["annotations", "finalizers", "ownerReferences"];

#[derive(Debug, Deserialize)]
struct Raw {
    metadata: Map<String, Value>,
    #[serde(default)]
    spec: Option<Box<RawValue>>,
}

/// An object of kind `Entry`, as the API server has it.
#[derive(Clone, Debug)]
pub(crate) struct EntryObject {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Its resourceVersion.
    pub(crate) version: u64,
    pub(crate) generation: i64,
    /// It was deleted, and a finalizer delays its removal.
    pub(crate) deleting: bool,
    /// The metadata of other programs, which a replacement keeps.
    pub(crate) kept_metadata: Map<String, Value>,
    /// Its spec, or why that cannot be read.
    pub(crate) spec: Result<EntrySpec, String>,
}

/// JSON that is no object at all, which a working API server never sends.
#[derive(Debug, thiserror::Error)]
#[error("an object without {0}")]
pub(crate) struct MalformedObject(&'static str);

impl EntryObject {
    pub(crate) fn read(text: &str) -> Result<Self, MalformedObject> {
        let raw: Raw = serde_json::from_str(text).map_err(|_| MalformedObject("metadata"))?;
        let text = |name| raw.metadata.get(name).and_then(Value::as_str);
        let version = text("resourceVersion").and_then(|version| version.parse().ok());
        let spec = raw.spec.as_ref().map_or("null", |spec| spec.get());
        Ok(Self {
            name: text("name").ok_or(MalformedObject("a name"))?.to_owned(),
            uid: text("uid").ok_or(MalformedObject("a uid"))?.to_owned(),
            version: version.ok_or(MalformedObject("a resourceVersion"))?,
            generation: raw
                .metadata
                .get("generation")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            deleting: raw.metadata.contains_key("deletionTimestamp"),
            kept_metadata: kept_metadata(&raw.metadata),
            spec: serde_json::from_str(spec).map_err(|error| format!("spec: {error}")),
        })
    }

    /// Its key; an error if its name belongs to another key.
    pub(crate) fn key(&self) -> Result<Key, String> {
        let spec = self.spec.as_ref().map_err(Clone::clone)?;
        let key = spec::key(spec).map_err(|error| error.to_string())?;
        let name = name::of(&key);
        if name == self.name {
            Ok(key)
        } else {
            Err(format!("the object of this key must have the name {name}"))
        }
    }

    /// Its record; `None` if the entry is deleted.
    pub(crate) fn record(&self) -> Result<Option<Record>, String> {
        let spec = self.spec.as_ref().map_err(Clone::clone)?;
        if spec.deleted || self.deleting {
            return Ok(None);
        }
        spec::record(spec)
            .map(Some)
            .map_err(|error| error.to_string())
    }

    /// The transaction that its spec names.
    pub(crate) fn step(&self) -> Option<SpecStep> {
        self.spec.as_ref().ok()?.step
    }

    /// Whether its spec names a transaction.
    pub(crate) fn is_step(&self) -> bool {
        self.step().is_some()
    }

    /// The write id of its last write; `None` if that was an external write.
    pub(crate) fn written_by(&self) -> Option<SpecWriteId> {
        let write_id = self.spec.as_ref().ok()?.write_id?;
        (write_id.generation == self.generation).then_some(write_id)
    }

    /// How many external writes have changed its spec since a gateway wrote it; 0 if none did.
    pub(crate) fn edits_since_write(&self) -> u64 {
        let spec = self.spec.as_ref().ok();
        let written = spec.and_then(|spec| spec.write_id);
        let edits = written.map_or(0, |write_id| {
            self.generation.saturating_sub(write_id.generation)
        });
        u64::try_from(edits).unwrap_or(0)
    }
}

fn kept_metadata(metadata: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for field in KEPT {
        if let Some(value) = metadata.get(field) {
            kept.insert(field.to_owned(), value.clone());
        }
    }
    let labels = metadata.get("labels").and_then(Value::as_object);
    let mut labels = labels.cloned().unwrap_or_default();
    labels.remove(PARENT);
    labels.remove(RECORD);
    if !labels.is_empty() {
        kept.insert("labels".to_owned(), labels.into());
    }
    kept
}

/// The body of a request that creates an object, or replaces one with this metadata and version.
pub(crate) fn body(
    key: &Key,
    spec: &EntrySpec,
    replaced: Option<(&Map<String, Value>, u64)>,
) -> Vec<u8> {
    let mut metadata = replaced.map(|(kept, _)| kept.clone()).unwrap_or_default();
    metadata.insert("name".to_owned(), name::of(key).into());
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert(PARENT.to_owned(), name::parent(key).into());
        if let Some(record) = name::record(key) {
            labels.insert(RECORD.to_owned(), record.into());
        }
    }
    if let Some((_, version)) = replaced {
        metadata.insert("resourceVersion".to_owned(), version.to_string().into());
        // Clears the record of which program wrote which field: it would be as long as a small entry.
        metadata.insert("managedFields".to_owned(), json!([{}]));
    }
    let object = json!({
        "apiVersion": "kubekv.io/v1",
        "kind": "Entry",
        "metadata": metadata,
        "spec": spec,
    });
    object.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(metadata: &Value, spec: &Value) -> EntryObject {
        EntryObject::read(&json!({"metadata": metadata, "spec": spec}).to_string()).unwrap()
    }

    #[test]
    fn metadata_of_other_programs_survives_replacement() {
        let key = Key::user("a/b");
        let read = object(
            &json!({"name": name::of(&key), "uid": "u", "resourceVersion": "7", "generation": 2,
                "labels": {"team": "net", PARENT: "x"}, "annotations": {"why": "x"}, "managedFields": [{"manager": "m"}]}),
            &json!({"key": "a/b", "value": "v"}),
        );
        assert_eq!(read.key(), Ok(key.clone()));
        let spec = read.spec.as_ref().unwrap();
        let sent: Value =
            serde_json::from_slice(&body(&key, spec, Some((&read.kept_metadata, 7)))).unwrap();
        let labels = json!({"team": "net", PARENT: name::parent(&key)});
        assert_eq!(sent["metadata"]["labels"], labels);
        assert_eq!(sent["metadata"]["annotations"], json!({"why": "x"}));
        assert_eq!(sent["metadata"]["resourceVersion"], "7");
        assert_eq!(sent["metadata"]["managedFields"], json!([{}]));
    }

    #[test]
    fn each_write_sets_or_removes_label_of_own_records() {
        let sent = |key: &Key, kept: &Map<String, Value>| -> Value {
            let body = body(key, &EntrySpec::default(), Some((kept, 7)));
            let sent: Value = serde_json::from_slice(&body).unwrap();
            sent["metadata"]["labels"][RECORD].clone()
        };
        // As an earlier release wrote it, without the label.
        let unlabelled = kept_metadata(&Map::new());
        assert_eq!(sent(&Key::system("lead"), &unlabelled), "lead");
        let by_hand = json!({"labels": {RECORD: "lead"}});
        let by_hand = kept_metadata(by_hand.as_object().unwrap());
        assert_eq!(sent(&Key::user("lead"), &by_hand), Value::Null);
    }

    #[test]
    fn external_write_has_no_write_id_of_its_own() {
        let spec = json!({"key": "a", "stamp": {"term": 1, "sequence": 2, "generation": 3}});
        let meta = |generation: i64| json!({"name": "x", "uid": "u", "resourceVersion": "7", "generation": generation});
        assert!(object(&meta(3), &spec).written_by().is_some());
        assert!(object(&meta(4), &spec).written_by().is_none());
        assert!(
            object(&meta(3), &spec).key().is_err(),
            "the name belongs to another key"
        );
    }

    #[test]
    fn unreadable_spec_is_still_an_object() {
        let meta = json!({"name": "x", "uid": "u", "resourceVersion": "7"});
        assert!(object(&meta, &json!({"key": 5})).key().is_err());
        assert!(object(&meta, &Value::Null).key().is_err());
        assert!(EntryObject::read("{}").is_err());
    }
}

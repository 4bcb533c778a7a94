//! The leader record as an object: what the cache remembers of it.

use serde_json::{Map, Value};

use super::slot::{CachedObject, ObjectState};
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::shared::election::leader_record::LeaderRecord;

/// The leader record and its object.
#[derive(Debug)]
pub(crate) struct LeaderObject {
    pub(crate) record: LeaderRecord,
    pub(crate) uid: String,
    /// Its resourceVersion.
    pub(crate) version: u64,
    generation: i64,
    kept_metadata: Map<String, Value>,
    /// The watch delivered it with the write id it was written with: the definition drops no fields.
    pub(crate) has_write_id: bool,
}

/// What remains of the last leader record when its object was deleted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastLeader {
    pub(crate) offset: u64,
    pub(crate) term: u64,
}

impl LeaderObject {
    /// Reads the leader record; `None` if the object holds none, or holds another entry under the record's name.
    pub(crate) fn read(object: &EntryObject) -> Option<Self> {
        object
            .key()
            .ok()
            .filter(|key| *key == LeaderRecord::key())?;
        let record = object.record().ok()??;
        Some(Self {
            record: LeaderRecord::read(&record.value)?,
            uid: object.uid.clone(),
            version: object.version,
            generation: object.generation,
            kept_metadata: object.kept_metadata.clone(),
            has_write_id: object.written_by().is_some(),
        })
    }

    /// Its object, for a request that replaces it.
    pub(crate) fn cached(&self) -> CachedObject {
        CachedObject {
            uid: self.uid.clone(),
            version: self.version,
            generation: self.generation,
            kept_metadata: self.kept_metadata.clone(),
            write_id: None,
            step: None,
            state: ObjectState::Live,
        }
    }
}

/// An object that has the leader record's name and cannot be read. The next leader replaces it.
pub(crate) fn unreadable(object: &EntryObject) -> CachedObject {
    tracing::error!(
        object = object.name,
        "the leader record cannot be read: somebody edited it; there is no leader until a gateway replaces it, when \
         the present leadership has expired"
    );
    CachedObject::of(object, ObjectState::Invalid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::kubernetes::codec::name;

    #[test]
    fn entry_of_a_client_under_the_records_name_is_no_leader_record() {
        let record = serde_json::to_string(&LeaderRecord::default()).unwrap();
        let read = |key: &str, realm: &str| {
            let metadata =
                json!({"name": name::of(&LeaderRecord::key()), "uid": "u", "resourceVersion": "7"});
            let spec = json!({"key": key, "realm": realm, "value": record});
            let object = json!({"metadata": metadata, "spec": spec}).to_string();
            LeaderObject::read(&EntryObject::read(&object).unwrap())
        };
        assert!(read("lead", "system").is_some());
        assert!(read("lead", "user").is_none());
        assert!(read("other", "system").is_none());
    }
}

//! The leader record on its way to the API server: an election, or a heartbeat.

use std::sync::atomic::Ordering;

use super::outcome::{DROPS_FIELDS, send_error};
use super::write_request::WriteRequest;
use crate::model::Record;
use crate::store::kubernetes::cache::leader_object::LeaderObject;
use crate::store::kubernetes::cache::slot::CachedObject;
use crate::store::kubernetes::codec::object::EntryObject;
use crate::store::kubernetes::codec::spec::encode;
use crate::store::kubernetes::definition::resource::SpecWriteId;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteId;

/// Sends the leader record, if the cached one is still of the revision `expected`, or still missing.
pub(crate) async fn send(
    namespace: &Namespace,
    record: LeaderRecord,
    expected: Option<u64>,
) -> Result<(), SendError> {
    // This is no write of an entry: the write id shows whether the definition keeps write ids.
    let write_id = WriteId {
        term: record.term,
        sequence: record.attempt,
    };
    let request = {
        let objects = namespace.cache.objects.lock();
        let leader = objects.leader.as_ref();
        if leader.map(|leader| leader.version + objects.offset) != expected {
            return Err(SendError::Conflict(objects.index()));
        }
        let cached = leader.map(LeaderObject::cached);
        let cached = cached.as_ref().or(objects.unreadable_leader.as_ref());
        leader_request(&record, write_id, cached)?
    };
    let body = request
        .send(&namespace.api)
        .await
        .map_err(|error| send_error(&error))?;
    let object = std::str::from_utf8(&body)
        .ok()
        .and_then(|text| EntryObject::read(text).ok());
    let found = object.and_then(|object| object.written_by());
    let has_write_id = found.map(SpecWriteId::name) == Some(write_id);
    let drops_fields = &namespace.cache.drops_fields;
    drops_fields.store(!has_write_id, Ordering::Release);
    if has_write_id {
        Ok(())
    } else {
        Err(SendError::Unattributed(DROPS_FIELDS.to_owned()))
    }
}

/// The request that creates or replaces the leader record.
pub(crate) fn leader_request(
    record: &LeaderRecord,
    write_id: WriteId,
    cached: Option<&CachedObject>,
) -> Result<WriteRequest, SendError> {
    let value =
        serde_json::to_vec(record).map_err(|error| SendError::Refused(error.to_string()))?;
    let key = LeaderRecord::key();
    let record = Record {
        value: value.into(),
        ..Record::default()
    };
    let spec = encode(&key, &record);
    Ok(WriteRequest::new(&key, spec, Some(write_id), cached))
}

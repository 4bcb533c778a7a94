//! Proposals of the leader: one write as an object of its entry, several as the journal of a transaction.

use super::outcome;
use super::write_request::WriteRequest;
use crate::model::{Key, Proposal, Record, Target};
use crate::store::kubernetes::cache::object_cache::ObjectCache;
use crate::store::kubernetes::cache::slot::ObjectState;
use crate::store::kubernetes::codec::journal::{self, TransactionJournal};
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::spec::{encode, encode_or_tombstone};
use crate::store::kubernetes::definition::resource::EntrySpec;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteId;

/// How often a write is built again because its object changed and its entry did not.
const REBUILDS: usize = 6;

/// Sends a proposal as one request, whatever it writes.
pub(crate) async fn send(
    namespace: &Namespace,
    write_id: WriteId,
    proposal: Proposal,
) -> Result<(), SendError> {
    let mut left = REBUILDS;
    loop {
        let request = match proposal.writes.as_slice() {
            [write] => match &write.target {
                Target::Key(key) => {
                    let objects = namespace.cache.objects.lock();
                    single_request(&objects, write_id, &proposal, key)?
                }
                Target::InOrder(_) => journal_request(write_id, &proposal)?,
            },
            _ => journal_request(write_id, &proposal)?,
        };
        let error = match request.send(&namespace.api).await {
            Ok(body) => return outcome::accepted(namespace, &body),
            Err(error) => error,
        };
        match outcome::failed(namespace, &request, write_id, error).await {
            // The object changed, but perhaps not the entry: cleanup removed its tombstone.
            Err(SendError::Conflict(_)) if left > 0 => left -= 1,
            result => return result,
        }
    }
}

/// The request for the only write of a proposal, if its precondition holds in the cache.
fn single_request(
    objects: &ObjectCache,
    write_id: WriteId,
    proposal: &Proposal,
    key: &Key,
) -> Result<WriteRequest, SendError> {
    let write = proposal.writes.first();
    let before = write
        .and_then(|write| write.before.as_ref())
        .map(|before| before.modified);
    if objects.entry(key).map(|entry| entry.modified) != before {
        return Err(SendError::Conflict(objects.index()));
    }
    let cached = objects.object(&name::of(key));
    if cached.is_some_and(|cached| cached.state == ObjectState::Deleting) {
        let why = "its object was deleted in the cluster, and a finalizer delays the removal";
        return Err(SendError::Unavailable(why.to_owned()));
    }
    let put = write.and_then(|write| write.put.as_ref());
    let spec = EntrySpec {
        cause: proposal.cause.into(),
        subject: proposal
            .subject
            .as_ref()
            .and_then(Key::as_str)
            .map(str::to_owned),
        ..encode_or_tombstone(key, put)
    };
    Ok(WriteRequest::new(key, spec, Some(write_id), cached))
}

/// The request that creates the journal of a transaction, and so commits it.
pub(crate) fn journal_request(
    write_id: WriteId,
    proposal: &Proposal,
) -> Result<WriteRequest, SendError> {
    let packed = TransactionJournal::of(proposal).pack();
    let value = packed.map_err(|error| SendError::Refused(error.to_string()))?;
    let record = Record {
        value,
        ..Record::default()
    };
    let key = journal::key(write_id);
    let spec = EntrySpec {
        cause: proposal.cause.into(),
        ..encode(&key, &record)
    };
    Ok(WriteRequest::new(&key, spec, Some(write_id), None))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Cause, Write};
    use crate::store::kubernetes::cache::apply::WatchEvent;
    use crate::store::kubernetes::cache::leader_object::LastLeader;
    use crate::store::kubernetes::codec::object::EntryObject;

    #[test]
    fn write_whose_precondition_fails_in_the_cache_is_not_sent() {
        let key = Key::user("a");
        let write_id = WriteId {
            term: 1,
            sequence: 1,
        };
        let proposal = |before| Proposal {
            cause: Cause::Set,
            subject: None,
            writes: vec![Write {
                target: Target::Key(key.clone()),
                before,
                put: Some(Record::default()),
            }],
        };
        let mut objects = ObjectCache::new(1, None, LastLeader::default());
        let request = single_request(&objects, write_id, &proposal(None), &key).unwrap();
        assert_eq!(request.replaced, None);
        let mut object = json!({
            "metadata": {"name": name::of(&key), "uid": "u", "resourceVersion": "5", "generation": 1},
            "spec": {"key": "a"},
        });
        let mut apply = |object: &serde_json::Value| {
            let object = EntryObject::read(&object.to_string()).unwrap();
            objects.apply(WatchEvent::Written(object));
            let before = objects.entry(&key).cloned();
            let of = |before| single_request(&objects, write_id, &proposal(before), &key);
            (
                of(None).map(|it| it.replaced),
                of(before).map(|it| it.replaced),
            )
        };
        assert_eq!(apply(&object), (Err(SendError::Conflict(5)), Ok(Some(5))));
        object["metadata"]["resourceVersion"] = "6".into();
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let (deleting, _) = apply(&object);
        assert!(matches!(deleting, Err(SendError::Unavailable(_))));
    }
}

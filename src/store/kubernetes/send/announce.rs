//! Member records, which every gateway writes of itself, leader or not: without a write id, like an external write.

use bytes::Bytes;

use super::outcome::send_error;
use super::write_request::WriteRequest;
use crate::model::{Attrs, Key, Record};
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::spec::encode;
use crate::store::kubernetes::namespace::Namespace;
use crate::store::shared::log::SendError;

/// Writes a record; without a value, removes it.
pub(crate) async fn send(
    namespace: &Namespace,
    key: Key,
    value: Option<Bytes>,
) -> Result<(), SendError> {
    let name = name::of(&key);
    let write_or_removal = {
        let objects = namespace.cache.objects.lock();
        let cached = objects.object(&name);
        match (value, cached) {
            (Some(value), cached) => {
                let attrs = Attrs::default();
                let spec = encode(&key, &Record { value, attrs });
                Ok(WriteRequest::new(&key, spec, None, cached))
            }
            (None, Some(cached)) => Err((cached.uid.clone(), cached.version)),
            (None, None) => return Ok(()),
        }
    };
    let result = match write_or_removal {
        Ok(request) => request.send(&namespace.api).await,
        Err((uid, version)) => namespace.api.remove(&name, &uid, version).await,
    };
    result.map(drop).map_err(|error| send_error(&error))
}

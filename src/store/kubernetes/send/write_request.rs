//! A request that creates or replaces one object.

use std::time::Duration;

use bytes::Bytes;

use crate::model::Key;
use crate::store::kubernetes::cache::object_cache::ObjectCache;
use crate::store::kubernetes::cache::slot::CachedObject;
use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::name;
use crate::store::kubernetes::codec::object::body;
use crate::store::kubernetes::definition::resource::{EntrySpec, SpecWriteId};
use crate::store::shared::write_ids::WriteId;

/// How many attempts a write has that the API server throttles.
const ATTEMPTS: u32 = 6;

/// How long to wait before the next attempt, if the API server does not say.
const THROTTLED_PAUSE: Duration = Duration::from_millis(500);

/// The longest wait before the next attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A request that writes one object.
#[derive(Debug)]
pub(crate) struct WriteRequest {
    pub(crate) name: String,
    pub(crate) body: Vec<u8>,
    /// The version it replaces; none if it creates the object.
    pub(crate) replaced: Option<u64>,
}

impl WriteRequest {
    /// A request that creates the object of a key, or replaces the cached one. The write id's generation is the one that
    /// the object will have.
    pub(crate) fn new(
        key: &Key,
        mut spec: EntrySpec,
        write_id: Option<WriteId>,
        cached: Option<&CachedObject>,
    ) -> Self {
        spec.write_id = write_id.map(|write_id| SpecWriteId {
            term: write_id.term,
            sequence: write_id.sequence,
            generation: cached.map_or(1, |cached| cached.generation + 1),
        });
        let replaced = cached.map(|cached| (&cached.kept_metadata, cached.version));
        Self {
            name: name::of(key),
            body: body(key, &spec, replaced),
            replaced: cached.map(|cached| cached.version),
        }
    }

    /// Sends it. It is sent again only if the API server throttled it, and so did nothing.
    pub(crate) async fn send(&self, api: &Api) -> Result<Bytes, ApiError> {
        let mut attempt = 1;
        loop {
            match self.send_once(api).await {
                Err(error) if error.status() == Some(429) && attempt < ATTEMPTS => {
                    attempt += 1;
                    let pause = error.retry_after().unwrap_or(THROTTLED_PAUSE);
                    tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
                }
                result => return result,
            }
        }
    }

    async fn send_once(&self, api: &Api) -> Result<Bytes, ApiError> {
        match self.replaced {
            Some(_) => api.replace(&self.name, self.body.clone()).await,
            None => api.create(self.body.clone()).await,
        }
    }

    /// Whether the cached object has changed since this was built.
    pub(super) fn is_outdated(&self, objects: &ObjectCache) -> bool {
        objects.object(&self.name).map(|cached| cached.version) != self.replaced
    }
}

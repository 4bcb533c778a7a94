//! Pages of a full list, fetched one after the other.

use serde_json::value::RawValue;

use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::codec::object::EntryObject;

/// How often a list is started because its resourceVersion was compacted between two pages.
const ATTEMPTS: usize = 5;

/// Every object, and their common resourceVersion.
pub(super) async fn list(api: &Api) -> Result<(u64, Vec<EntryObject>), ApiError> {
    let mut left = ATTEMPTS;
    loop {
        match list_at(api, None).await {
            // The list took longer than the API server keeps its first page's resourceVersion.
            Err(error) if error.status() == Some(410) && left > 1 => left -= 1,
            listed => return listed,
        }
    }
}

/// The same, in one attempt; of the past if a resourceVersion is given.
pub(super) async fn list_at(
    api: &Api,
    at: Option<u64>,
) -> Result<(u64, Vec<EntryObject>), ApiError> {
    let (mut objects, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.list(&after, at).await?;
        for item in &page.items {
            objects.push(read(item)?);
        }
        if page.metadata.next_page.is_empty() {
            return Ok((page.version()?, objects));
        }
        after.clone_from(&page.metadata.next_page);
    }
}

pub(super) fn read(item: &RawValue) -> Result<EntryObject, ApiError> {
    EntryObject::read(item.get()).map_err(|error| ApiError::Unknown(error.to_string()))
}

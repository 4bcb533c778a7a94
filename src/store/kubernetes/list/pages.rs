//! Full lists, in pages that are fetched one after the other, or in one piece.

use serde_json::value::RawValue;

use crate::store::kubernetes::client::api::Api;
use crate::store::kubernetes::client::error::ApiError;
use crate::store::kubernetes::client::list_page::ListPage;
use crate::store::kubernetes::codec::object::EntryObject;

/// How often a list is started because its resourceVersion was compacted between two pages.
const ATTEMPTS: usize = 5;

/// The most objects after the first page with which a list is small.
const SMALL: u64 = 5_000;

/// Every object, and their common resourceVersion.
pub(super) type ListedObjects = (u64, Vec<EntryObject>);

/// Every object as it is now.
pub(super) async fn list(api: &Api) -> Result<ListedObjects, ApiError> {
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
pub(super) async fn list_at(api: &Api, at: Option<u64>) -> Result<ListedObjects, ApiError> {
    let first = api.list("", at).await?;
    with_later_pages(api, first).await
}

/// The same; `None` if the first page says that there are many more objects.
pub(super) async fn list_if_small(
    api: &Api,
    at: Option<u64>,
) -> Result<Option<ListedObjects>, ApiError> {
    let first = api.list("", at).await?;
    if first.metadata.remaining_item_count > SMALL {
        return Ok(None);
    }
    with_later_pages(api, first).await.map(Some)
}

async fn with_later_pages(api: &Api, mut page: ListPage) -> Result<ListedObjects, ApiError> {
    let mut objects = Vec::new();
    loop {
        for item in &page.items {
            objects.push(read(item)?);
        }
        if page.metadata.next_page.is_empty() {
            return Ok((page.version()?, objects));
        }
        page = api.list(&page.metadata.next_page, None).await?;
    }
}

/// Every object in one piece, at a resourceVersion that is not older than this one: as the API server has it in its watch cache.
pub(super) async fn list_whole(api: &Api, not_before: u64) -> Result<ListedObjects, ApiError> {
    let mut stream = api.list_not_older_than(not_before).await?;
    let mut objects = Vec::new();
    while let Some(items) = stream.next().await? {
        for item in items {
            let text = std::str::from_utf8(&item).map_err(|error| unreadable(&error))?;
            objects.push(EntryObject::read(text).map_err(|error| unreadable(&error))?);
        }
    }
    Ok((stream.finish()?.version()?, objects))
}

pub(super) fn read(item: &RawValue) -> Result<EntryObject, ApiError> {
    EntryObject::read(item.get()).map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> ApiError {
    ApiError::Unknown(error.to_string())
}

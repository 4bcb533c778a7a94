//! List answers of the API server: objects, and what the list says of itself.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::ApiError;

/// A list of objects, or a page of one.
#[derive(Debug, Deserialize)]
pub(crate) struct ListPage {
    pub(crate) metadata: ListMeta,
    pub(crate) items: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMeta {
    pub(crate) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(crate) next_page: String,
    /// How many objects are on later pages, where the API server says so.
    #[serde(default)]
    pub(crate) remaining_item_count: u64,
}

impl ListPage {
    pub(crate) fn version(&self) -> Result<u64, ApiError> {
        let version = &self.metadata.resource_version;
        version
            .parse()
            .map_err(|_| ApiError::Unknown(format!("a list of resourceVersion {version:?}")))
    }
}

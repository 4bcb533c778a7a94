//! One namespace as its parts share it: the API of its entries, and the cache of its objects.

use std::sync::Arc;

use super::cache::shared_cache::SharedCache;
use super::client::api::Api;

/// The entries of a namespace. Cloning it is cheap and shares the cache.
#[derive(Clone, Debug)]
pub(super) struct Namespace {
    pub(super) api: Api,
    pub(super) cache: Arc<SharedCache>,
}

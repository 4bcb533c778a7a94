//! Requests about the objects of a policy, each with a deadline.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::credentials::ApiCredentials;
use super::error::ApiError;
use super::exchange;
use super::lines::ResponseLines;
use crate::store::shared::metrics::StoreVerb;

/// The path of the API group and its namespaces.
const RESOURCE: &str = "/apis/kubekv.io/v1alpha1/namespaces";

/// The most objects in one page of a list.
const PAGE: usize = 20;

/// The deadline of a request, but for watches.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The API of the policies of one namespace.
#[derive(Clone)]
pub(crate) struct PolicyApi {
    credentials: Arc<ApiCredentials>,
    path: String,
}

impl std::fmt::Debug for PolicyApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyApi")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl PolicyApi {
    /// How long a watch lasts, in seconds. A list follows: nothing else reports that the cluster was set back.
    pub(crate) const WATCH_SECONDS: u64 = 60;

    pub(crate) fn new(credentials: ApiCredentials, namespace: &str) -> Self {
        Self {
            credentials: Arc::new(credentials),
            path: format!("{RESOURCE}/{namespace}/accesspolicies"),
        }
    }

    /// A page of the list: the first if `after` is empty, else the one after it.
    pub(crate) async fn list(&self, after: &str) -> Result<Bytes, ApiError> {
        let mut uri = format!("{}?limit={PAGE}", self.path);
        if !after.is_empty() {
            uri += "&continue=";
            uri.extend(form_urlencoded::byte_serialize(after.as_bytes()));
        }
        self.request(StoreVerb::List, &uri, Bytes::new()).await
    }

    /// Watches every change after a resourceVersion: one JSON object a line.
    pub(crate) async fn watch(&self, after: &str) -> Result<ResponseLines, ApiError> {
        let after: String = form_urlencoded::byte_serialize(after.as_bytes()).collect();
        let uri = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={after}&timeoutSeconds={}",
            self.path,
            Self::WATCH_SECONDS
        );
        let open = |client| exchange::open(client, &uri, TIMEOUT);
        let opened = self.credentials.authenticated(open).await;
        opened.map(ResponseLines::new)
    }

    /// Replaces the status of an object, if it still has the resourceVersion in the new one.
    pub(crate) async fn replace_status(
        &self,
        name: &str,
        object: Vec<u8>,
    ) -> Result<Bytes, ApiError> {
        let uri = format!("{}/{name}/status?fieldManager=kubekv", self.path);
        self.request(StoreVerb::Replace, &uri, Bytes::from(object))
            .await
    }

    async fn request(&self, verb: StoreVerb, uri: &str, body: Bytes) -> Result<Bytes, ApiError> {
        let exchange = |client| exchange::complete(client, verb, uri, body.clone());
        let answer = tokio::time::timeout(TIMEOUT, self.credentials.authenticated(exchange)).await;
        let answer = answer.unwrap_or_else(|_| {
            let none = format!("none within {} s", TIMEOUT.as_secs());
            Err(ApiError::Unknown(none))
        });
        answer.map(|(_, body)| body)
    }
}

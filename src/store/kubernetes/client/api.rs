//! Requests to the API server, each with a deadline.
//!
//! No request is ever sent twice, with one exception: if the API server rejects the credentials, and so did nothing, the
//! request is sent again with newer ones.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kube::client::Body;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::credentials::ApiCredentials;
use super::error::ApiError;
use super::exchange;
use super::lines::ResponseLines;
use super::list_page::ListPage;
use super::list_stream::ListStream;
use super::refusal_log::RefusalLog;
use crate::store::shared::Metrics;
use crate::store::shared::metrics::StoreVerb;

/// The path of the API group and its namespaces.
const RESOURCE: &str = "/apis/kubekv.io/v1/namespaces";

/// The most objects in one page of a list.
const PAGE: usize = 500;

/// The deadline of a write. The request names it, so that the API server gives up first.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The deadline of one page of a list, and of the beginning of one without pages.
const LIST_TIMEOUT: Duration = Duration::from_secs(30);

/// The gateways' name in the objects' managed fields: short, because each new object has it.
const FIELD_MANAGER: &str = "kubekv";

/// The API of the entries of one namespace.
#[derive(Clone)]
pub(crate) struct Api {
    credentials: Arc<ApiCredentials>,
    path: String,
    metrics: Metrics,
    refusals: Arc<RefusalLog>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(credentials: ApiCredentials, namespace: &str, metrics: Metrics) -> Self {
        Self {
            credentials: Arc::new(credentials),
            path: format!("{RESOURCE}/{namespace}/entries"),
            metrics,
            refusals: Arc::default(),
        }
    }

    /// A page of the list: the first if `after` is empty, else the one after it. Of the present, or of a resourceVersion.
    pub(crate) async fn list(&self, after: &str, at: Option<u64>) -> Result<ListPage, ApiError> {
        let mut uri = format!("{}?limit={PAGE}", self.path);
        if after.is_empty() {
            if let Some(version) = at {
                uri += "&resourceVersionMatch=Exact&resourceVersion=";
                uri += &version.to_string();
            }
        } else {
            uri += "&continue=";
            uri.extend(form_urlencoded::byte_serialize(after.as_bytes()));
        }
        let body = self
            .request(StoreVerb::List, &uri, Vec::new(), LIST_TIMEOUT)
            .await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))
    }

    /// Every object, at a resourceVersion that is not older than this one. The API server answers it from its watch cache; a page,
    /// or an exact resourceVersion, it may read from etcd.
    pub(crate) async fn list_not_older_than(&self, version: u64) -> Result<ListStream, ApiError> {
        let uri = format!(
            "{}?resourceVersionMatch=NotOlderThan&resourceVersion={version}",
            self.path
        );
        let opened = self.open(StoreVerb::List, &uri, LIST_TIMEOUT).await;
        opened.map(ListStream::new)
    }

    /// The newest resourceVersion.
    pub(crate) async fn head(&self) -> Result<u64, ApiError> {
        let body = self
            .request(
                StoreVerb::List,
                &format!("{}?limit=1", self.path),
                Vec::new(),
                LIST_TIMEOUT,
            )
            .await?;
        let page: ListPage =
            serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))?;
        page.version()
    }

    /// One object, as it is now.
    pub(crate) async fn get(&self, name: &str) -> Result<Bytes, ApiError> {
        self.request(
            StoreVerb::Get,
            &format!("{}/{name}", self.path),
            Vec::new(),
            WRITE_TIMEOUT,
        )
        .await
    }

    /// One object as it was at a resourceVersion, if it existed.
    pub(crate) async fn get_at(
        &self,
        name: &str,
        version: u64,
    ) -> Result<Option<Box<RawValue>>, ApiError> {
        let uri = format!(
            "{}?fieldSelector=metadata.name%3D{name}&resourceVersion={version}&resourceVersionMatch=Exact",
            self.path
        );
        let body = self
            .request(StoreVerb::List, &uri, Vec::new(), LIST_TIMEOUT)
            .await?;
        let page: ListPage =
            serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))?;
        Ok(page.items.into_iter().next())
    }

    /// Creates an object.
    pub(crate) async fn create(&self, object: Vec<u8>) -> Result<Bytes, ApiError> {
        let uri = format!(
            "{}?fieldManager={FIELD_MANAGER}&timeout={}s",
            self.path,
            WRITE_TIMEOUT.as_secs()
        );
        self.request(StoreVerb::Create, &uri, object, WRITE_TIMEOUT)
            .await
    }

    /// Asks how the API server would answer the creation of an object, without creating it. A refusal is an expected
    /// answer, and is not logged.
    pub(crate) async fn dry_run_create(
        &self,
        object: Vec<u8>,
        timeout: Duration,
    ) -> Result<Bytes, ApiError> {
        let uri = format!("{}?dryRun=All&timeout={}s", self.path, timeout.as_secs());
        let start = Instant::now();
        let result = self.send(StoreVerb::Create, &uri, object, timeout).await;
        let status = match &result {
            Ok((status, _)) => Some(*status),
            Err(error) => error.status(),
        };
        self.metrics
            .asked(StoreVerb::Create, status, start.elapsed());
        result.map(|(_, body)| body)
    }

    /// Replaces an object, if it still has the resourceVersion in the new one.
    pub(crate) async fn replace(&self, name: &str, object: Vec<u8>) -> Result<Bytes, ApiError> {
        let uri = format!(
            "{}/{name}?fieldManager={FIELD_MANAGER}&timeout={}s",
            self.path,
            WRITE_TIMEOUT.as_secs()
        );
        self.request(StoreVerb::Replace, &uri, object, WRITE_TIMEOUT)
            .await
    }

    /// Removes an object, if it still has this resourceVersion.
    pub(crate) async fn remove(
        &self,
        name: &str,
        uid: &str,
        version: u64,
    ) -> Result<Bytes, ApiError> {
        let uri = format!("{}/{name}?timeout={}s", self.path, WRITE_TIMEOUT.as_secs());
        let options = serde_json::json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid, "resourceVersion": version.to_string()},
        });
        self.request(
            StoreVerb::Remove,
            &uri,
            options.to_string().into_bytes(),
            WRITE_TIMEOUT,
        )
        .await
    }

    /// Watches every change after a resourceVersion, for this long: one JSON object a line.
    pub(crate) async fn watch(
        &self,
        after: u64,
        length: Duration,
    ) -> Result<ResponseLines, ApiError> {
        let uri = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={after}&timeoutSeconds={}",
            self.path,
            length.as_secs()
        );
        let opened = self.open(StoreVerb::Watch, &uri, WRITE_TIMEOUT).await;
        opened.map(ResponseLines::new)
    }

    /// Sends a request whose answer arrives piece by piece; the deadline is that of its head.
    async fn open(&self, verb: StoreVerb, uri: &str, timeout: Duration) -> Result<Body, ApiError> {
        let start = Instant::now();
        let opened = self
            .credentials
            .authenticated(|client| exchange::open(client, uri, timeout))
            .await;
        self.count(verb, start, opened.as_ref().map(|_| 200));
        opened
    }

    async fn request(
        &self,
        verb: StoreVerb,
        uri: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<Bytes, ApiError> {
        let start = Instant::now();
        let result = self.send(verb, uri, body, timeout).await;
        let status = result.as_ref().map(|(status, _)| *status);
        self.count(verb, start, status);
        result.map(|(_, body)| body)
    }

    async fn send(
        &self,
        verb: StoreVerb,
        uri: &str,
        body: Vec<u8>,
        timeout: Duration,
    ) -> Result<(u16, Bytes), ApiError> {
        // Later than the API server's own deadline, whose answer has the outcome.
        let timeout = timeout + Duration::from_secs(1);
        let body = Bytes::from(body);
        let exchange = |client| exchange::complete(client, verb, uri, body.clone());
        tokio::time::timeout(timeout, self.credentials.authenticated(exchange))
            .await
            .unwrap_or_else(|_| {
                let none = format!("none within {} s", timeout.as_secs());
                Err(ApiError::Unknown(none))
            })
    }

    fn count(&self, verb: StoreVerb, start: Instant, result: Result<u16, &ApiError>) {
        let status = match result {
            Ok(status) => Some(status),
            Err(error) => error.status(),
        };
        self.metrics.asked(verb, status, start.elapsed());
        if let Err(error) = result
            && let Some(reason) = error.reason()
        {
            self.metrics.refused(reason);
        }
        match result {
            Ok(_) => self.refusals.accepted(verb),
            Err(error) => self.refusals.refused(verb, error),
        }
    }
}

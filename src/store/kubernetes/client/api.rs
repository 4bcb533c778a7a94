//! The requests that are made of the API server, each with a deadline. None is ever made twice, but for one that the
//! API server did not look at because it did not believe whose it was, where there are newer credentials.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Error as LegacyError;
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::credentials::Access;
use super::error::{ApiError, refused};
use super::lines::Lines;
use super::refusal_log::Complaints;
use crate::store::shared::Metrics;
use crate::store::shared::metrics::Verb;

/// Where entries are.
const RESOURCE: &str = "/apis/kubekv.io/v1/namespaces";

/// Objects of one page of a list.
const PAGE: usize = 500;

/// The longest answer that is read: a page of the largest values.
const LONGEST: usize = 1 << 30;

/// How long a write may take. The API server is told too, so that it gives up first.
const WRITE: Duration = Duration::from_secs(5);

/// How long a page of a list may take.
const LIST: Duration = Duration::from_secs(30);

/// Who writes, in the objects' managed fields: short, because it stands in each new object.
const MANAGER: &str = "kubekv";

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) metadata: PageMeta,
    pub(crate) items: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageMeta {
    pub(crate) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(crate) more: String,
}

impl Page {
    pub(crate) fn version(&self) -> Result<u64, ApiError> {
        let version = &self.metadata.resource_version;
        version
            .parse()
            .map_err(|_| ApiError::Unknown(format!("a list of resourceVersion {version:?}")))
    }
}

/// The entries of one namespace.
#[derive(Clone)]
pub(crate) struct Api {
    access: Arc<Access>,
    path: String,
    metrics: Metrics,
    complaints: Arc<Complaints>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Api {
    pub(crate) fn new(access: Access, namespace: &str, metrics: Metrics) -> Self {
        Self {
            access: Arc::new(access),
            path: format!("{RESOURCE}/{namespace}/entries"),
            metrics,
            complaints: Arc::default(),
        }
    }

    /// A page of the list, from the start or after another; as it is now, or as it was at a resourceVersion.
    pub(crate) async fn list(&self, after: &str, at: Option<u64>) -> Result<Page, ApiError> {
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
        let body = self.ask(Verb::List, &uri, Vec::new(), LIST).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))
    }

    /// The last resourceVersion there is.
    pub(crate) async fn head(&self) -> Result<u64, ApiError> {
        let body = self
            .ask(
                Verb::List,
                &format!("{}?limit=1", self.path),
                Vec::new(),
                LIST,
            )
            .await?;
        let page: Page =
            serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))?;
        page.version()
    }

    /// One object as it is now.
    pub(crate) async fn get(&self, name: &str) -> Result<Bytes, ApiError> {
        self.ask(
            Verb::Get,
            &format!("{}/{name}", self.path),
            Vec::new(),
            WRITE,
        )
        .await
    }

    /// One object as it was at a resourceVersion, if there was one.
    pub(crate) async fn get_at(
        &self,
        name: &str,
        version: u64,
    ) -> Result<Option<Box<RawValue>>, ApiError> {
        let uri = format!(
            "{}?fieldSelector=metadata.name%3D{name}&resourceVersion={version}&resourceVersionMatch=Exact",
            self.path
        );
        let body = self.ask(Verb::List, &uri, Vec::new(), LIST).await?;
        let page: Page =
            serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))?;
        Ok(page.items.into_iter().next())
    }

    /// Makes an object.
    pub(crate) async fn create(&self, object: Vec<u8>) -> Result<Bytes, ApiError> {
        let uri = format!(
            "{}?fieldManager={MANAGER}&timeout={}s",
            self.path,
            WRITE.as_secs()
        );
        self.ask(Verb::Create, &uri, object, WRITE).await
    }

    /// What the API server would say to making an object, which it does not make. A refusal is an answer, and is no
    /// complaint.
    pub(crate) async fn try_create(
        &self,
        object: Vec<u8>,
        patience: Duration,
    ) -> Result<Bytes, ApiError> {
        let uri = format!("{}?dryRun=All&timeout={}s", self.path, patience.as_secs());
        let begun = Instant::now();
        let answered = self.answered(Verb::Create, &uri, object, patience).await;
        let status = match &answered {
            Ok((status, _)) => Some(*status),
            Err(error) => error.status(),
        };
        self.metrics.asked(Verb::Create, status, begun.elapsed());
        answered.map(|(_, body)| body)
    }

    /// Replaces an object that is still as its resourceVersion says.
    pub(crate) async fn replace(&self, name: &str, object: Vec<u8>) -> Result<Bytes, ApiError> {
        let uri = format!(
            "{}/{name}?fieldManager={MANAGER}&timeout={}s",
            self.path,
            WRITE.as_secs()
        );
        self.ask(Verb::Replace, &uri, object, WRITE).await
    }

    /// Removes an object that is still as this resourceVersion says.
    pub(crate) async fn remove(
        &self,
        name: &str,
        uid: &str,
        version: u64,
    ) -> Result<Bytes, ApiError> {
        let uri = format!("{}/{name}?timeout={}s", self.path, WRITE.as_secs());
        let options = serde_json::json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid, "resourceVersion": version.to_string()},
        });
        self.ask(Verb::Remove, &uri, options.to_string().into_bytes(), WRITE)
            .await
    }

    /// Every change after a revision, a JSON object a line.
    pub(crate) async fn watch(&self, after: u64) -> Result<Lines, ApiError> {
        let uri = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={after}&timeoutSeconds=3600",
            self.path
        );
        let begun = Instant::now();
        let opened = self.believed(|client| self.open(client, &uri)).await;
        self.count(Verb::Watch, begun, opened.as_ref().map(|_| 200));
        opened.map(Lines::new)
    }

    async fn open(&self, client: Arc<Client>, uri: &str) -> Result<Body, ApiError> {
        let request = request(Method::GET, uri, Bytes::new())?;
        let answer = tokio::time::timeout(WRITE, client.send(request))
            .await
            .map_err(|_| ApiError::Unknown("the watch does not begin".to_owned()))?
            .map_err(|error| unsent(&error))?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        let (parts, body) = answer.into_parts();
        Err(refused(&parts, &whole(body).await.unwrap_or_default()))
    }

    /// What a request comes to; where its credentials are not believed, what it comes to with newer ones.
    async fn believed<T, F>(&self, ask: impl Fn(Arc<Client>) -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, ApiError>>,
    {
        let client = self.access.client();
        let answered = ask(Arc::clone(&client)).await;
        if answered
            .as_ref()
            .is_err_and(|error| error.status() == Some(401))
            && let Some(client) = self.access.after(&client).await
        {
            return ask(client).await;
        }
        answered
    }

    async fn ask(
        &self,
        verb: Verb,
        uri: &str,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Bytes, ApiError> {
        let begun = Instant::now();
        let answered = self.answered(verb, uri, body, patience).await;
        let status = answered.as_ref().map(|(status, _)| *status);
        self.count(verb, begun, status);
        answered.map(|(_, body)| body)
    }

    async fn answered(
        &self,
        verb: Verb,
        uri: &str,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<(u16, Bytes), ApiError> {
        // Later than the API server's own, which says what became of it.
        let patience = patience + Duration::from_secs(1);
        let body = Bytes::from(body);
        let exchange = |client| exchange(client, verb, uri, body.clone());
        tokio::time::timeout(patience, self.believed(exchange))
            .await
            .unwrap_or_else(|_| {
                let none = format!("nothing within {} s", patience.as_secs());
                Err(ApiError::Unknown(none))
            })
    }

    fn count(&self, verb: Verb, begun: Instant, answered: Result<u16, &ApiError>) {
        let status = match answered {
            Ok(status) => Some(status),
            Err(error) => error.status(),
        };
        self.metrics.asked(verb, status, begun.elapsed());
        if let Err(error) = answered
            && let Some(reason) = error.reason()
        {
            self.metrics.refused(reason);
        }
        match answered {
            Ok(_) => self.complaints.over(verb),
            Err(error) => self.complaints.say(verb, error),
        }
    }
}

async fn exchange(
    client: Arc<Client>,
    verb: Verb,
    uri: &str,
    body: Bytes,
) -> Result<(u16, Bytes), ApiError> {
    let request = request(method(verb), uri, body)?;
    let answer = client.send(request).await;
    let answer = answer.map_err(|error| unsent(&error))?;
    let (parts, body) = answer.into_parts();
    let body = whole(body).await.map_err(ApiError::Unknown)?;
    if parts.status.is_success() {
        Ok((parts.status.as_u16(), body))
    } else {
        Err(refused(&parts, &body))
    }
}

async fn whole(body: Body) -> Result<Bytes, String> {
    let body = Limited::new(body, LONGEST).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| error.to_string())
}

fn method(verb: Verb) -> Method {
    match verb {
        Verb::List | Verb::Watch | Verb::Get => Method::GET,
        Verb::Create => Method::POST,
        Verb::Replace => Method::PUT,
        Verb::Remove => Method::DELETE,
    }
}

fn request(method: Method, uri: &str, body: Bytes) -> Result<Request<Body>, ApiError> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .body(Body::from(body))
        .map_err(|error| ApiError::NotSent(error.to_string()))
}

/// A connection that was never made carried nothing, nor did a request that nobody could sign; of anything else that is
/// not sure.
fn unsent(error: &kube::Error) -> ApiError {
    if matches!(error, kube::Error::Auth(_)) {
        return ApiError::NotSent(plain(error));
    }
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner
            .downcast_ref::<LegacyError>()
            .is_some_and(LegacyError::is_connect)
        {
            return ApiError::NotSent(plain(error));
        }
        cause = inner.source();
    }
    ApiError::Unknown(plain(error))
}

/// An error with its causes, in one line.
fn plain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text.replace('\n', " ")
}

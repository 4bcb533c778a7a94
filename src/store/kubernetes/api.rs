//! The five requests that are made of the API server, each with a deadline, none ever made twice.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::lines::Lines;

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

/// What came of a request that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    /// The API server said so, and did nothing.
    #[error("{status} {reason}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The machine-readable reason, such as `AlreadyExists`.
        reason: String,
        /// For people.
        message: String,
        /// When to come again.
        retry_after: Option<Duration>,
    },
    /// The request did not leave.
    #[error("cannot reach the API server: {0}")]
    NotSent(String),
    /// Whether anything was done is not known.
    #[error("no answer from the API server: {0}")]
    Unknown(String),
}

impl ApiError {
    /// The HTTP status of an answer.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::NotSent(_) | Self::Unknown(_) => None,
        }
    }
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub(super) metadata: PageMeta,
    pub(super) items: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMeta {
    pub(super) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(super) more: String,
}

impl Page {
    pub(super) fn version(&self) -> Result<u64, ApiError> {
        let version = &self.metadata.resource_version;
        version
            .parse()
            .map_err(|_| ApiError::Unknown(format!("a list of resourceVersion {version:?}")))
    }
}

/// The entries of one namespace.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    path: String,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What the API server says when it refuses.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Details {
    retry_after_seconds: Option<u64>,
}

impl Api {
    pub(super) fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            path: format!("{RESOURCE}/{namespace}/entries"),
        }
    }

    /// A page of the list, from the start or after another; as it is now, or as it was at a resourceVersion.
    pub(super) async fn list(&self, after: &str, at: Option<u64>) -> Result<Page, ApiError> {
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
        let body = self.ask(Method::GET, &uri, Vec::new(), LIST).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))
    }

    /// The last resourceVersion there is.
    pub(super) async fn head(&self) -> Result<u64, ApiError> {
        let body = self
            .ask(
                Method::GET,
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
    pub(super) async fn get(&self, name: &str) -> Result<Bytes, ApiError> {
        self.ask(
            Method::GET,
            &format!("{}/{name}", self.path),
            Vec::new(),
            WRITE,
        )
        .await
    }

    /// One object as it was at a resourceVersion, if there was one.
    pub(super) async fn get_at(
        &self,
        name: &str,
        version: u64,
    ) -> Result<Option<Box<RawValue>>, ApiError> {
        let uri = format!(
            "{}?fieldSelector=metadata.name%3D{name}&resourceVersion={version}&resourceVersionMatch=Exact",
            self.path
        );
        let body = self.ask(Method::GET, &uri, Vec::new(), LIST).await?;
        let page: Page =
            serde_json::from_slice(&body).map_err(|error| ApiError::Unknown(error.to_string()))?;
        Ok(page.items.into_iter().next())
    }

    /// Makes an object.
    pub(super) async fn create(&self, object: Vec<u8>) -> Result<Bytes, ApiError> {
        let uri = format!(
            "{}?fieldManager={MANAGER}&timeout={}s",
            self.path,
            WRITE.as_secs()
        );
        self.ask(Method::POST, &uri, object, WRITE).await
    }

    /// Replaces an object that is still as its resourceVersion says.
    pub(super) async fn replace(&self, name: &str, object: Vec<u8>) -> Result<Bytes, ApiError> {
        let uri = format!(
            "{}/{name}?fieldManager={MANAGER}&timeout={}s",
            self.path,
            WRITE.as_secs()
        );
        self.ask(Method::PUT, &uri, object, WRITE).await
    }

    /// Removes an object that is still as this resourceVersion says.
    pub(super) async fn remove(
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
        self.ask(
            Method::DELETE,
            &uri,
            options.to_string().into_bytes(),
            WRITE,
        )
        .await
    }

    /// Every change after a revision, a JSON object a line.
    pub(super) async fn watch(&self, after: u64) -> Result<Lines, ApiError> {
        let uri = format!(
            "{}?watch=true&allowWatchBookmarks=true&resourceVersion={after}&timeoutSeconds=3600",
            self.path
        );
        let sent = self.client.send(request(Method::GET, &uri, Vec::new())?);
        let answer = tokio::time::timeout(WRITE, sent)
            .await
            .map_err(|_| ApiError::Unknown("the watch does not begin".to_owned()))?
            .map_err(|error| ApiError::Unknown(plain(&error)))?;
        if answer.status().is_success() {
            return Ok(Lines::new(answer.into_body()));
        }
        let (parts, body) = answer.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes);
        Err(refused(parts.status, &body.unwrap_or_default()))
    }

    async fn ask(
        &self,
        method: Method,
        uri: &str,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Bytes, ApiError> {
        let request = request(method, uri, body)?;
        let exchange = async {
            let answer = self
                .client
                .send(request)
                .await
                .map_err(|error| unsent(&error))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST)
                .collect()
                .await
                .map_err(|error| ApiError::Unknown(error.to_string()))?
                .to_bytes();
            if parts.status.is_success() {
                Ok(body)
            } else {
                Err(refused(parts.status, &body))
            }
        };
        // Later than the API server's own, which says what became of it.
        match tokio::time::timeout(patience + Duration::from_secs(1), exchange).await {
            Ok(done) => done,
            Err(_) => Err(ApiError::Unknown(format!(
                "nothing within {} s",
                patience.as_secs() + 1
            ))),
        }
    }
}

fn request(method: Method, uri: &str, body: Vec<u8>) -> Result<Request<Body>, ApiError> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .body(Body::from(body))
        .map_err(|error| ApiError::NotSent(error.to_string()))
}

/// A connection that was never made carried nothing; of anything else that is not sure.
fn unsent(error: &kube::Error) -> ApiError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::ConnectionRefused
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

fn refused(code: StatusCode, body: &[u8]) -> ApiError {
    let status: Status = serde_json::from_slice(body).unwrap_or_default();
    let message = if status.message.is_empty() {
        String::from_utf8_lossy(body.get(..200).unwrap_or(body)).into_owned()
    } else {
        status.message
    };
    // It may have given up half-way, or what stands before it may have.
    if code.is_server_error() {
        return ApiError::Unknown(format!("{code}: {message}"));
    }
    ApiError::Refused {
        status: code.as_u16(),
        reason: status.reason,
        message,
        retry_after: status
            .details
            .and_then(|details| details.retry_after_seconds)
            .map(Duration::from_secs),
    }
}

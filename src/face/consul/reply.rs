//! What an operation answers, and how that goes onto the wire.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::face::go::json_write as json;
use crate::face::gzip;
use crate::face::list_cache::Encoded;

const JSON: &str = "application/json";
const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const CONSISTENCY: HeaderName = HeaderName::from_static("x-consul-effective-consistency");

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    content: Content,
}

/// What an operation that went wrong answers.
pub(super) type Answer = Result<Reply, Reply>;

#[derive(Debug)]
enum Content {
    /// No body at all: never compressed, no content type.
    Nothing,
    Json(Vec<u8>),
    /// A list in JSON, encoded before.
    List(Arc<Encoded>),
    Text(Cow<'static, str>),
    /// A value as the client stored it.
    Raw(Bytes),
}

impl Reply {
    fn new(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content,
        }
    }

    /// A status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::new(status, Content::Nothing)
    }

    /// 200 with JSON.
    pub(super) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(StatusCode::OK, Content::Json(body.into()))
    }

    /// 200 with a list.
    pub(super) fn list(list: Arc<Encoded>) -> Self {
        Self::new(StatusCode::OK, Content::List(list))
    }

    /// 200 with `true` or `false`.
    pub(super) fn boolean(value: bool) -> Self {
        Self::json(value.to_string())
    }

    /// A status with words.
    pub(super) fn text(status: StatusCode, words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, Content::Text(words.into()))
    }

    /// 400 with words.
    pub(super) fn bad_request(words: impl Into<Cow<'static, str>>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, words)
    }

    /// 500 with words: Consul's answer to whatever its servers refuse.
    pub(super) fn failed(words: impl Into<Cow<'static, str>>) -> Self {
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, words)
    }

    /// 200 with a value as it was stored. Never shown as a page, whatever it holds.
    pub(super) fn raw(value: Bytes) -> Self {
        Self::new(StatusCode::OK, Content::Raw(value))
            .header(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            )
            .header(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("sandbox"),
            )
    }

    /// The same with another status.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with a header more.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with what Consul says of every read: where it stands, and that it came from the leader.
    pub(super) fn at(self, index: u64) -> Self {
        self.header(INDEX, index.max(1).into()).led()
    }

    /// The same, said to come from the leader.
    pub(super) fn led(self) -> Self {
        self.header(LAST_CONTACT, HeaderValue::from_static("0"))
            .header(KNOWN_LEADER, HeaderValue::from_static("true"))
    }

    /// The same with what Consul says of a read of sessions that failed.
    pub(super) fn leaderless(self) -> Self {
        self.header(INDEX, HeaderValue::from_static("1"))
            .header(LAST_CONTACT, HeaderValue::from_static("0"))
            .header(KNOWN_LEADER, HeaderValue::from_static("false"))
    }

    /// The same with how consistent the read was, which Consul tells for the catalog alone.
    pub(super) fn consistency(self, name: &'static str) -> Self {
        self.header(CONSISTENCY, HeaderValue::from_static(name))
    }

    /// The same with its JSON over several lines.
    pub(super) fn pretty(mut self) -> Self {
        let plain = match &self.content {
            Content::Json(body) => json::pretty(body),
            Content::List(list) => json::pretty(&list.body()),
            Content::Nothing | Content::Text(_) | Content::Raw(_) => return self,
        };
        self.content = Content::Json(plain);
        self
    }

    /// The response, compressed if asked.
    pub(super) async fn into_response(self, compressed: bool) -> Response {
        let list = match &self.content {
            Content::List(list) => Some(Arc::clone(list)),
            Content::Nothing | Content::Json(_) | Content::Text(_) | Content::Raw(_) => None,
        };
        let (content_type, body) = match self.content {
            Content::Nothing => (None, Bytes::new()),
            Content::Json(body) => (Some(JSON), Bytes::from(body)),
            Content::List(list) => (Some(JSON), list.body()),
            Content::Text(words) => (
                Some("text/plain; charset=utf-8"),
                Bytes::from(words.into_owned()),
            ),
            Content::Raw(value) => (Some("text/plain"), value),
        };
        let compressed = compressed && content_type.is_some();
        let body = match list {
            Some(list) if compressed => list.compressed().await,
            None if compressed => gzip::compress(body).await,
            Some(_) | None => body,
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        if let Some(content_type) = content_type {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if compressed {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

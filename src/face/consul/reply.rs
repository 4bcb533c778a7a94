//! Answer of an operation: status, headers and body, and how they become a response.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::face::go::json_writer;
use crate::face::gzip;
use crate::face::list_cache::Encoded;
use crate::fairness::Fairness;
use crate::model::Flow;

const JSON: &str = "application/json";
const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
const CONSISTENCY: HeaderName = HeaderName::from_static("x-consul-effective-consistency");

/// The answer of an operation; an operation that fails returns one as its error.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: ReplyBody,
}

#[derive(Debug)]
enum ReplyBody {
    /// No body at all: never compressed, no content type.
    Empty,
    Json(Vec<u8>),
    /// A list in JSON, from the list cache.
    List(Arc<Encoded>),
    Text(Cow<'static, str>),
    /// A value as the client stored it.
    Raw(Bytes),
}

impl Reply {
    fn new(status: StatusCode, body: ReplyBody) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// A status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::new(status, ReplyBody::Empty)
    }

    /// 200 with JSON.
    pub(super) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(StatusCode::OK, ReplyBody::Json(body.into()))
    }

    /// 200 with a list.
    pub(super) fn list(list: Arc<Encoded>) -> Self {
        Self::new(StatusCode::OK, ReplyBody::List(list))
    }

    /// 200 with `true` or `false`.
    pub(super) fn boolean(value: bool) -> Self {
        Self::json(value.to_string())
    }

    /// A status with plain text.
    pub(super) fn text(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(status, ReplyBody::Text(text.into()))
    }

    /// 400 with plain text.
    pub(super) fn bad_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, text)
    }

    /// 500 with plain text: Consul's answer to whatever its servers refuse.
    pub(super) fn internal_error(text: impl Into<Cow<'static, str>>) -> Self {
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, text)
    }

    /// 200 with a value as it was stored. Browsers never render it as a page, whatever it holds.
    pub(super) fn raw(value: Bytes) -> Self {
        Self::new(StatusCode::OK, ReplyBody::Raw(value))
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

    /// The same with one more header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with Consul's headers of every read: the index, and that the leader answered.
    pub(super) fn index(self, index: u64) -> Self {
        self.header(INDEX, index.max(1).into()).known_leader()
    }

    /// The same with Consul's headers of an answer from the leader.
    pub(super) fn known_leader(self) -> Self {
        self.header(LAST_CONTACT, HeaderValue::from_static("0"))
            .header(KNOWN_LEADER, HeaderValue::from_static("true"))
    }

    /// The same with Consul's headers of a read that failed before it reached a leader: index 1, no known leader.
    pub(super) fn no_known_leader(self) -> Self {
        self.header(INDEX, HeaderValue::from_static("1"))
            .header(LAST_CONTACT, HeaderValue::from_static("0"))
            .header(KNOWN_LEADER, HeaderValue::from_static("false"))
    }

    /// The same with the consistency of the read, which Consul sends for the catalog alone.
    pub(super) fn consistency(self, name: &'static str) -> Self {
        self.header(CONSISTENCY, HeaderValue::from_static(name))
    }

    /// The same with its JSON indented over several lines (`?pretty`).
    pub(super) fn pretty(mut self) -> Self {
        let indented = match &self.body {
            ReplyBody::Json(body) => json_writer::pretty(body),
            ReplyBody::List(list) => json_writer::pretty(&list.body()),
            ReplyBody::Empty | ReplyBody::Text(_) | ReplyBody::Raw(_) => return self,
        };
        self.body = ReplyBody::Json(indented);
        self
    }

    /// The response, compressed for a flow where it has a body.
    pub(super) async fn into_response(self, compressed: Option<(&Fairness, Flow)>) -> Response {
        let list = match &self.body {
            ReplyBody::List(list) => Some(Arc::clone(list)),
            ReplyBody::Empty | ReplyBody::Json(_) | ReplyBody::Text(_) | ReplyBody::Raw(_) => None,
        };
        let (content_type, body) = match self.body {
            ReplyBody::Empty => (None, Bytes::new()),
            ReplyBody::Json(body) => (Some(JSON), Bytes::from(body)),
            ReplyBody::List(list) => (Some(JSON), list.body()),
            ReplyBody::Text(text) => (
                Some("text/plain; charset=utf-8"),
                Bytes::from(text.into_owned()),
            ),
            ReplyBody::Raw(value) => (Some("text/plain"), value),
        };
        let short = match (compressed.filter(|_| content_type.is_some()), list) {
            (Some((_, flow)), Some(list)) => list.compressed(flow).await.ok(),
            (Some((fairness, flow)), None) => {
                gzip::compress(fairness, flow, body.clone()).await.ok()
            }
            (None, _) => None,
        };
        let compressed = short.is_some();
        let body = short.unwrap_or(body);
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

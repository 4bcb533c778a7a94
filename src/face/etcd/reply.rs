//! Answer of an operation: status, headers and body, as Go's server writes them.

use axum::body::Body;
use axum::response::Response;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::face::go::push_json_string;

/// The revision of the keyspace.
const ETCD_INDEX: HeaderName = HeaderName::from_static("x-etcd-index");
/// etcd's name for the position in its log: here the same.
const RAFT_INDEX: HeaderName = HeaderName::from_static("x-raft-index");
/// etcd's name for the number of elections.
const RAFT_TERM: HeaderName = HeaderName::from_static("x-raft-term");
/// The id of the cluster.
const CLUSTER_ID: HeaderName = HeaderName::from_static("x-etcd-cluster-id");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The answer of an operation; an operation that fails returns one as its error.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
}

impl Reply {
    fn new(status: StatusCode, content_type: HeaderValue, body: Body) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, content_type)],
            body,
        }
    }

    /// Its status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// A status with JSON.
    pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Self {
        Self::new(status, JSON, body.into())
    }

    /// A status with plain text, the type that Go's server guesses.
    pub(super) fn text(status: StatusCode, body: impl Into<Body>) -> Self {
        Self::new(status, TEXT, body.into())
    }

    /// An error in plain text, as Go's `http.Error` writes it.
    pub(super) fn plain_error(status: StatusCode, line: &str) -> Self {
        Self::text(status, format!("{line}\n")).nosniff()
    }

    /// An error that is only a message, as etcd writes errors that are not about keys.
    pub(super) fn message(status: StatusCode, text: &str) -> Self {
        let mut body = br#"{"message":"#.to_vec();
        push_json_string(&mut body, text.as_bytes());
        body.push(b'}');
        Self::json(status, body)
    }

    /// 404: nothing is served at this path.
    pub(super) fn not_found() -> Self {
        Self::plain_error(StatusCode::NOT_FOUND, "404 page not found")
    }

    /// 400: Go's server cannot parse the request line.
    pub(super) fn bad_request() -> Self {
        Self::text(StatusCode::BAD_REQUEST, "400 Bad Request")
            .header(CONNECTION, HeaderValue::from_static("close"))
    }

    /// 405, with the methods that are allowed.
    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        Self::plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
            .header(ALLOW, HeaderValue::from_static(allowed))
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

    /// The same, for which browsers must not guess another content type.
    pub(super) fn nosniff(self) -> Self {
        self.header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
    }

    /// The same with the id of the cluster.
    pub(super) fn cluster(self, id: &str) -> Self {
        match HeaderValue::from_str(id) {
            Ok(id) => self.header(CLUSTER_ID, id),
            Err(_) => self,
        }
    }

    /// The same with `X-Etcd-Index` alone.
    pub(super) fn etcd_index(self, index: u64) -> Self {
        self.header(ETCD_INDEX, index.into())
    }

    /// The same with etcd's three numbers for the revision of the keyspace.
    pub(super) fn revision(self, revision: u64) -> Self {
        self.etcd_index(revision)
            .header(RAFT_INDEX, revision.into())
            // A gateway serves a keyspace for as long as it lives: there is one term.
            .header(RAFT_TERM, 1.into())
    }

    /// The response.
    pub(super) fn into_response(self) -> Response {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

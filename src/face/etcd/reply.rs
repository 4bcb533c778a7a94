//! Answers as Go's server writes them.

use axum::body::Body;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::face::go::push_json_string;

/// Where the keyspace stands.
pub(super) const ETCD_INDEX: HeaderName = HeaderName::from_static("x-etcd-index");
/// etcd's name for the position in its log: here the same.
pub(super) const RAFT_INDEX: HeaderName = HeaderName::from_static("x-raft-index");
/// etcd's name for the count of leaders there have been.
pub(super) const RAFT_TERM: HeaderName = HeaderName::from_static("x-raft-term");
/// Names the cluster.
pub(super) const CLUSTER_ID: HeaderName = HeaderName::from_static("x-etcd-cluster-id");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// An answer with this body.
pub(super) fn with_body(status: StatusCode, kind: HeaderValue, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    with_body(status, JSON, body.into())
}

/// An answer in plain text, as Go's server guesses its type.
pub(super) fn text(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    with_body(status, TEXT, body.into())
}

/// An error in plain text, as Go's `http.Error` writes it.
pub(super) fn plain_error(status: StatusCode, line: &str) -> Response<Body> {
    let mut answer = text(status, format!("{line}\n"));
    no_sniff(&mut answer);
    answer
}

/// Says that the content type is what it says.
pub(super) fn no_sniff(answer: &mut Response<Body>) {
    answer
        .headers_mut()
        .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The answer to paths nothing is served at.
pub(super) fn not_found() -> Response<Body> {
    plain_error(StatusCode::NOT_FOUND, "404 page not found")
}

/// The answer to a request line that Go's server cannot read.
pub(super) fn bad_request() -> Response<Body> {
    let mut answer = text(StatusCode::BAD_REQUEST, "400 Bad Request");
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// The answer to a method that is not among `allowed`, if this one is not.
pub(super) fn unless_allowed(method: &Method, allowed: &'static str) -> Option<Response<Body>> {
    if allowed.split(',').any(|one| one == method.as_str()) {
        return None;
    }
    let mut answer = plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    Some(answer)
}

/// An error that is only a message, as etcd writes those that are not about keys.
pub(super) fn message(status: StatusCode, text: &str) -> Response<Body> {
    let mut body = br#"{"message":"#.to_vec();
    push_json_string(&mut body, text.as_bytes());
    body.push(b'}');
    json(status, body)
}

/// Sets a header to a number.
pub(super) fn set_number(answer: &mut Response<Body>, name: HeaderName, number: u64) {
    answer.headers_mut().insert(name, HeaderValue::from(number));
}

/// Names the cluster.
pub(super) fn set_cluster(answer: &mut Response<Body>, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        answer.headers_mut().insert(CLUSTER_ID, id);
    }
}

/// Says where the keyspace stands: etcd's three numbers.
pub(super) fn set_position(answer: &mut Response<Body>, revision: u64) {
    set_number(answer, ETCD_INDEX, revision);
    set_number(answer, RAFT_INDEX, revision);
    // One gateway serves a keyspace for as long as it lives: there is one term.
    set_number(answer, RAFT_TERM, 1);
}

//! `/version`: which etcd this is like.

use axum::body::Body;
use http::{Method, Response, StatusCode};

use super::reply;

/// The server whose answers these are.
const SERVER: &str = "3.4.23";

/// Answers `/version`.
pub(super) fn serve(method: &Method) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(method, "GET") {
        return refusal;
    }
    let body = format!(r#"{{"etcdserver":"{SERVER}","etcdcluster":"3.4.0"}}"#);
    reply::json(StatusCode::OK, body)
}

//! `/health`: whether the gateway serves; `etcdctl cluster-health` asks it.

use axum::body::Body;
use http::{Method, Response, StatusCode};

use super::reply;

/// Answers `/health`.
pub(super) fn serve(method: &Method) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(method, "GET") {
        return refusal;
    }
    reply::text(StatusCode::OK, r#"{"health":"true"}"#)
}

//! `/v2/machines`: the addresses of `/v2/members` for clients older than that.

use axum::body::Body;
use http::{Request, Response, StatusCode};

use super::members::client_urls;
use super::reply;

/// Answers `/v2/machines`.
pub(super) fn serve(advertise: &[String], request: &Request<Body>) -> Response<Body> {
    if let Some(refusal) = reply::unless_allowed(request.method(), "GET,HEAD") {
        return refusal;
    }
    reply::text(StatusCode::OK, client_urls(advertise, request).join(", "))
}

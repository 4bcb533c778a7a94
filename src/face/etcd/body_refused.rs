//! Answer to a request whose body the gateway has no room for.

use axum::body::Body;
use http::Response;

use super::overloaded;
use crate::fairness::Overloaded;

/// The answer, which names the limit; nothing was done.
pub fn body_refused(overloaded: Overloaded) -> Response<Body> {
    overloaded::reply(overloaded).into_response()
}

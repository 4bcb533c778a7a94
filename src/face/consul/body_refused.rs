//! Answer to a request whose body the gateway has no room for: 429, as Consul where a rate limit is reached.

use axum::body::Body;
use http::{HeaderValue, Response, StatusCode, header};

use crate::fairness::Overloaded;

/// The answer, which names the limit; nothing was done.
pub fn body_refused(overloaded: Overloaded) -> Response<Body> {
    let mut answer = Response::new(Body::from(overloaded.to_string()));
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    let seconds = overloaded.retry_after().as_secs().max(1);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, text);
    headers.insert(header::RETRY_AFTER, seconds.into());
    answer
}

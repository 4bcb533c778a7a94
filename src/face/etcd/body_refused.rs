//! Answer to a request whose body the gateway has no room for: 429 with etcd's error 300.

use axum::body::Body;
use http::{Response, StatusCode, header};

use super::error::{V2Error, V2ErrorCode};
use crate::fairness::Overloaded;

/// The answer, which names the limit; nothing was done.
pub fn body_refused(overloaded: Overloaded) -> Response<Body> {
    // The first words are etcd's own, of its version 3.
    let cause = format!("etcdserver: too many requests: {overloaded}");
    let reply = V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0);
    let mut answer = reply.into_response();
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let seconds = overloaded.retry_after().as_secs().max(1);
    let headers = answer.headers_mut();
    headers.insert(header::RETRY_AFTER, seconds.into());
    answer
}

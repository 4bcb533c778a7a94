//! Answer to a request that the gateway has no room for: 429 with `Retry-After`, and etcd's error 300.
//!
//! etcd itself answers 500, which Go's client of version 2 takes for a member without a leader: it asks every other one, and
//! they relay to the same leader. Of 429 it shows the error, which names the limit; it and Python's clients (urllib3) may
//! repeat the request, as nothing was done.

use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use super::error::{V2Error, V2ErrorCode};
use super::reply::Reply;
use crate::fairness::Overloaded;

/// The answer; nothing was done.
pub(super) fn reply(overloaded: Overloaded) -> Reply {
    // The first words are etcd's own, of its version 3.
    let cause = format!("etcdserver: too many requests: {overloaded}");
    let seconds = overloaded.retry_after().as_secs().max(1);
    V2Error::new(V2ErrorCode::RaftInternal, cause)
        .reply(0)
        .with_status(StatusCode::TOO_MANY_REQUESTS)
        .header(RETRY_AFTER, HeaderValue::from(seconds))
}

//! Request service: the router answers a request, leadership is checked after it, and the outcome is counted and logged.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::RETRY_AFTER;
use http::{Method, Request, Response};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use super::no_fault::NoFault;
use super::redact;
use super::target::RequestTarget;
use crate::face::server::{LeadershipLost, LogLimit, OmittedLines, RequestInFlight, ServerContext};
use crate::model::Flow;

/// The limit of lines about faults.
static FAULTS: LogLimit = LogLimit::new();

/// How long the answer waits that tells a client to try again later, in a second or more. Thousands of clients that ask again
/// at once would keep everybody else waiting, refused as they are.
const REFUSAL_PAUSE: Duration = Duration::from_secs(1);

/// What the log says of a request.
#[derive(Debug)]
pub(super) struct LogFields {
    pub(super) peer: SocketAddr,
    /// Whose share of the log it counts in.
    pub(super) flow: Flow,
    pub(super) target: RequestTarget,
}

/// The method as a label: methods that clients invent must not make new series.
pub(super) fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}

/// How long an answer waits: not at all, unless it refuses a request for now.
fn pause_before(response: &Response<Body>) -> Duration {
    if !response.status().is_success() && response.headers().contains_key(RETRY_AFTER) {
        REFUSAL_PAUSE
    } else {
        Duration::ZERO
    }
}

/// Has the router answer one request. The request is in flight until its answer was sent.
pub(super) async fn answer(
    server: &ServerContext,
    mut in_flight: RequestInFlight,
    mut router: Router,
    origin: LogFields,
    request: Request<Body>,
) -> Result<(Response<Body>, RequestInFlight), LeadershipLost> {
    let (face, method) = (server.face, in_flight.method());
    let LogFields { peer, flow, target } = origin;
    let span = tracing::debug_span!(
        "request",
        face,
        method,
        peer = tracing::field::Empty,
        path = tracing::field::Empty,
    );
    // Formatting costs time, so only where the span is recorded.
    if !span.is_disabled() {
        span.record("peer", tracing::field::display(peer));
        span.record("path", redact::target(&target));
    }
    let began = Instant::now();
    let has_span = !span.is_disabled();
    async move {
        let Ok(response) = router.call(request).await;
        let pause = pause_before(&response);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        server.check_leadership().await?;
        let status = response.status().as_u16();
        in_flight.set_status(status);
        let micros = began.elapsed().as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let is_fault = response.extensions().get::<NoFault>().is_none();
        let is_fault = response.status().is_server_error() && is_fault;
        // A client can ask for what is answered with an error as fast as it can send.
        match is_fault.then(|| FAULTS.permit_flow(flow)).flatten() {
            Some(OmittedLines(left_out)) if has_span => {
                tracing::warn!(status, micros, left_out, "answered");
            }
            Some(OmittedLines(left_out)) => {
                // The fields of the span, which is disabled.
                let path = redact::target(&target);
                tracing::warn!(face, method, %peer, path, status, micros, left_out, "answered");
            }
            None => tracing::debug!(status, micros, "answered"),
        }
        Ok((response, in_flight))
    }
    .instrument(span)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(status: u16, headers: &[(&str, &str)]) -> Duration {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        pause_before(&response.body(Body::empty()).unwrap())
    }

    #[test]
    fn only_answers_that_say_later_come_later() {
        assert_eq!(pause(200, &[("x-consul-index", "1")]), Duration::ZERO);
        assert_eq!(pause(404, &[]), Duration::ZERO);
        assert_eq!(pause(429, &[("retry-after", "1")]), REFUSAL_PAUSE);
        assert_eq!(pause(503, &[("retry-after", "2")]), REFUSAL_PAUSE);
    }
}

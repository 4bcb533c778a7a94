//! Request service: the router answers a request, leadership is checked after it, and the outcome is counted and logged.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use super::no_fault::NoFault;
use super::redact;
use super::target::RequestTarget;
use crate::face::server::{LeadershipLost, LogLimit, OmittedLines, RequestInFlight, ServerContext};

/// The limit of lines about faults.
static FAULTS: LogLimit = LogLimit::new();

/// What the log says of a request.
#[derive(Debug)]
pub(super) struct LogFields {
    pub(super) peer: SocketAddr,
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

/// Has the router answer one request. The request is in flight until its answer was sent.
pub(super) async fn answer(
    server: &ServerContext,
    mut in_flight: RequestInFlight,
    mut router: Router,
    origin: LogFields,
    request: Request<Body>,
) -> Result<(Response<Body>, RequestInFlight), LeadershipLost> {
    let (face, method) = (server.face, in_flight.method());
    let LogFields { peer, target } = origin;
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
        server.check_leadership().await?;
        let status = response.status().as_u16();
        in_flight.set_status(status);
        let micros = began.elapsed().as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let is_fault = response.extensions().get::<NoFault>().is_none();
        let is_fault = response.status().is_server_error() && is_fault;
        // A client can ask for what is answered with an error as fast as it can send.
        match is_fault.then(|| FAULTS.permit(peer.ip())).flatten() {
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

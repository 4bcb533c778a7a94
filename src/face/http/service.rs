//! One request on its way through a face: counted, logged, timed.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, Response};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use super::metrics::{self, Face};
use super::server::Shared;
use super::target::Target;
use super::{Connection, NoFault, redact};

/// A request in flight; counts it when it ends, however it ends.
#[derive(Debug)]
pub(super) struct Flight {
    shared: Arc<Shared>,
    method: &'static str,
    status: Option<u16>,
}

impl Flight {
    pub(super) fn begin(shared: &Arc<Shared>, method: &Method) -> Self {
        let face = shared.name;
        let in_flight = &shared.metrics.in_flight;
        in_flight.get_or_create(&Face { face }).inc();
        Self {
            shared: Arc::clone(shared),
            method: metrics::method(method),
            status: None,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Self {
            shared,
            method,
            status,
        } = self;
        let face = shared.name;
        let request = metrics::Request {
            face,
            method,
            status: status.map_or_else(|| "gone".to_owned(), |status| status.to_string()),
        };
        let metrics = &shared.metrics;
        metrics.requests.get_or_create(&request).inc();
        metrics.in_flight.get_or_create(&Face { face }).dec();
    }
}

/// Another gateway may lead by now.
#[derive(Debug, thiserror::Error)]
#[error("the lead is lost")]
pub(super) struct LeadLost;

/// Answers one request by the face. The answer is in flight until it was sent.
pub(super) async fn answer(
    shared: &Shared,
    mut flight: Flight,
    mut face: Router,
    request: Request<Body>,
) -> Result<(Response<Body>, Flight), LeadLost> {
    let name = shared.name;
    let peer = request
        .extensions()
        .get()
        .map(|ends: &Connection| ends.peer);
    let target = Target::of(request.extensions(), request.uri());
    let span = tracing::debug_span!(
        "request",
        face = name,
        method = flight.method,
        peer = tracing::field::Empty,
        path = tracing::field::Empty,
    );
    // Making the texts costs something; only where they are read.
    if !span.is_disabled() {
        span.record("peer", peer.map(tracing::field::display));
        span.record("path", redact::target(&target));
    }
    let began = Instant::now();
    let has_span = !span.is_disabled();
    async move {
        let Ok(response) = face.call(request).await;
        // By then another gateway may have answered something newer: the connection ends without an answer.
        if !shared.leads.now().await {
            return Err(LeadLost);
        }
        let status = response.status().as_u16();
        flight.status = Some(status);
        let micros = began.elapsed().as_micros();
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        let is_fault = response.extensions().get::<NoFault>().is_none();
        let is_fault = response.status().is_server_error() && is_fault;
        if is_fault && has_span {
            tracing::warn!(status, micros, "answered");
        } else if is_fault {
            // What the span would say, had anybody wanted it.
            let (method, path) = (flight.method, redact::target(&target));
            let peer = peer.map(tracing::field::display);
            tracing::warn!(face = name, method, peer, path, status, micros, "answered");
        } else {
            tracing::debug!(status, micros, "answered");
        }
        Ok((response, flight))
    }
    .instrument(span)
    .await
}

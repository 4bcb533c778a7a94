//! One request on its way through a face: counted, logged, timed.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::time::Instant;
use tower_service::Service;
use tracing::Instrument;

use super::body::{Answering, Arriving};
use super::metrics::{self, Face};
use super::pace::Progress;
use super::redact;
use super::server::Shared;
use super::{Connection, NoFault};

/// A request in flight; counts it when it ends, however it ends.
#[derive(Debug)]
struct Flight {
    shared: Arc<Shared>,
    progress: Arc<Progress>,
    method: &'static str,
    status: Option<u16>,
}

impl Flight {
    fn begin(shared: Arc<Shared>, progress: Arc<Progress>, method: &'static str) -> Self {
        progress.busy();
        let face = shared.name;
        let in_flight = &shared.metrics.in_flight;
        in_flight.get_or_create(&Face { face }).inc();
        Self {
            shared,
            progress,
            method,
            status: None,
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Self {
            shared,
            progress,
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
        progress.idle();
    }
}

/// Another gateway may lead by now.
#[derive(Debug, thiserror::Error)]
#[error("the lead is lost")]
pub(super) struct LeadLost;

/// Answers one request by the face.
pub(super) async fn answer(
    shared: Arc<Shared>,
    mut face: Router,
    ends: Connection,
    progress: Arc<Progress>,
    request: Request<Incoming>,
) -> Result<Response<Body>, LeadLost> {
    let method = metrics::method(request.method());
    let span = tracing::debug_span!(
        "request",
        face = shared.name,
        method,
        peer = %ends.peer,
        target = tracing::field::Empty,
    );
    // Making the text costs something; only where it is read.
    if !span.is_disabled() {
        span.record("target", redact::target(request.uri()));
    }
    let pause = shared.limits.body_pause;
    let mut flight = Flight::begin(shared, progress, method);
    let mut request = request.map(|body| Body::new(Arriving::new(body, pause)));
    request.extensions_mut().insert(ends);
    let began = Instant::now();
    async move {
        let Ok(response) = face.call(request).await;
        // By then another gateway may have answered something newer: the connection ends without an answer.
        if !flight.shared.leads.now().await {
            return Err(LeadLost);
        }
        let status = response.status().as_u16();
        flight.status = Some(status);
        let micros = began.elapsed().as_micros();
        let is_fault = response.extensions().get::<NoFault>().is_none();
        if response.status().is_server_error() && is_fault {
            tracing::warn!(status, micros, "answered");
        } else {
            tracing::debug!(status, micros, "answered");
        }
        Ok(response.map(|body| Body::new(Answering::new(body, flight))))
    }
    .instrument(span)
    .await
}

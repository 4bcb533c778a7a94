//! The admin port: `/livez`, `/readyz`, `/metrics`, `/version`, `/status`.
//!
//! It answers from before the store is open until after it is closed, so that a probe can distinguish a gateway that starts
//! or drains from one that is gone.

mod gateway_info;
mod health;
mod status_page;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::{StatusCode, header};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use serde_json::json;

use crate::face::http::NoFault;

pub use gateway_info::GatewayInfo;
pub use health::{Health, KeyspaceMetrics, Phase};

/// The media type of Prometheus' text format.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The pages of the admin port. An unknown path is 404, a wrong method 405.
pub fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .route("/status", get(own_status))
        .with_state(health)
}

/// The process runs and answers.
async fn livez() -> &'static str {
    "ok\n"
}

/// Requests are answered: by this gateway, or by the leader that it relays to.
async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let not_yet = |line| {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        (status, Extension(NoFault), line).into_response()
    };
    match health.phase() {
        Phase::Ready => "ok\n".into_response(),
        Phase::Starting => not_yet("starting\n"),
        Phase::Standby if health.relays() => "relaying\n".into_response(),
        Phase::Standby => not_yet("standby\n"),
        Phase::Draining => not_yet("draining\n"),
    }
}

/// Every metric, in the text format of Prometheus (`OpenMetrics` 1.0).
async fn metrics(State(health): State<Arc<Health>>) -> Response {
    let mut text = String::new();
    if let Err(error) = write_metrics(&mut text, &health) {
        tracing::error!(%error, "cannot write the metrics");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response()
}

fn write_metrics(text: &mut String, health: &Health) -> std::fmt::Result {
    encode_registry(text, health.registry())?;
    if let Some(keyspace) = health.keyspace() {
        keyspace.space.refresh_metrics();
        encode_registry(text, &keyspace.registry)?;
    }
    encode_eof(text)
}

async fn own_status(State(health): State<Arc<Health>>) -> Response {
    axum::Json(status_page::of(&health)).into_response()
}

async fn version() -> Response {
    let version = json!({"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")});
    axum::Json(version).into_response()
}

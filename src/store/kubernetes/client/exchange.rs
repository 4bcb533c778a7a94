//! One HTTP exchange with the API server, and whether a failed one may have taken effect.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper_util::client::legacy::Error as LegacyError;
use kube::Client;
use kube::client::Body;

use super::error::{ApiError, read_error};
use crate::store::shared::error_text::one_line;
use crate::store::shared::metrics::StoreVerb;

/// The longest answer, in bytes: a page of the largest values.
const LONGEST: usize = 1 << 30;

/// Sends a request and reads its whole answer.
pub(super) async fn complete(
    client: Arc<Client>,
    verb: StoreVerb,
    uri: &str,
    body: Bytes,
) -> Result<(u16, Bytes), ApiError> {
    let request = request(method(verb), uri, body)?;
    let answer = client.send(request).await;
    let answer = answer.map_err(|error| not_answered(&error))?;
    let (parts, body) = answer.into_parts();
    let body = read_body(body).await.map_err(ApiError::Unknown)?;
    if parts.status.is_success() {
        Ok((parts.status.as_u16(), body))
    } else {
        Err(read_error(&parts, &body))
    }
}

/// Sends a request whose answer arrives piece by piece; the deadline is that of its head.
pub(super) async fn open(
    client: Arc<Client>,
    uri: &str,
    timeout: Duration,
) -> Result<Body, ApiError> {
    let request = request(Method::GET, uri, Bytes::new())?;
    let answer = tokio::time::timeout(timeout, client.send(request))
        .await
        .map_err(|_| ApiError::Unknown(format!("none within {} s", timeout.as_secs())))?
        .map_err(|error| not_answered(&error))?;
    if answer.status().is_success() {
        return Ok(answer.into_body());
    }
    let (parts, body) = answer.into_parts();
    Err(read_error(
        &parts,
        &read_body(body).await.unwrap_or_default(),
    ))
}

async fn read_body(body: Body) -> Result<Bytes, String> {
    let body = Limited::new(body, LONGEST).collect().await;
    body.map(http_body_util::Collected::to_bytes)
        .map_err(|error| error.to_string())
}

fn method(verb: StoreVerb) -> Method {
    match verb {
        StoreVerb::List | StoreVerb::Watch | StoreVerb::Get => Method::GET,
        StoreVerb::Create => Method::POST,
        StoreVerb::Replace => Method::PUT,
        StoreVerb::Remove => Method::DELETE,
    }
}

fn request(method: Method, uri: &str, body: Bytes) -> Result<Request<Body>, ApiError> {
    Request::builder()
        .method(method)
        .uri(uri)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .body(Body::from(body))
        .map_err(|error| ApiError::NotSent(error.to_string()))
}

/// The error of a request without an answer. One that failed to connect or to be signed was not sent; after any other
/// error, the outcome is unknown.
fn not_answered(error: &kube::Error) -> ApiError {
    if matches!(error, kube::Error::Auth(_)) {
        return ApiError::NotSent(one_line(error));
    }
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(inner) = cause {
        if inner
            .downcast_ref::<LegacyError>()
            .is_some_and(LegacyError::is_connect)
        {
            return ApiError::NotSent(one_line(error));
        }
        cause = inner.source();
    }
    ApiError::Unknown(one_line(error))
}

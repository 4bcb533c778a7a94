//! The last answer on a connection.

use axum::body::Body;
use http::{HeaderValue, Response, header};

use super::http::NoFault;

/// The same answer, after which the connection closes.
pub(super) fn said(mut answer: Response<Body>) -> Response<Body> {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    // A take-over is no fault of this gateway; one line for each client would bury the others.
    answer.extensions_mut().insert(NoFault);
    answer
}

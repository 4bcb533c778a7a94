//! Answers whose status says that the server failed, although nothing is wrong with it.

use axum::body::Body;
use http::{HeaderValue, Response, header};

/// Marks an answer that is not a fault although its status says so, such as a probe's; no warning is logged for it.
#[derive(Clone, Copy, Debug)]
pub struct NoFault;

/// The answer, after which the connection closes: the answer of a gateway that knows no leader.
pub(in crate::face) fn last_answer(mut answer: Response<Body>) -> Response<Body> {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
    // A take-over is no fault of this gateway; a warning for each client would bury the others.
    answer.extensions_mut().insert(NoFault);
    answer
}

//! The last answer on a connection: the request is read to its end, and the client is told that the connection closes.

use axum::body::Body;
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt;

use super::http::NoFault;

/// Marks `answer` as the last one of its connection, once the request's body has come.
///
/// The body is read because a connection that is closed while the client still sends is reset, and a reset may overtake
/// the answer.
pub(super) async fn say(body: Body, mut answer: Response<Body>) -> Response<Body> {
    let mut body = body;
    while let Some(Ok(_part)) = body.frame().await {}
    answer
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    // A take-over is no fault of this gateway; one line for each client would bury the others.
    answer.extensions_mut().insert(NoFault);
    answer
}

//! Answers of a Consul server without a leader, for a gateway that can reach none.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, header};

use super::long_answer::BodyForm;
use super::reply::Reply;
use crate::face::gzip;
use crate::face::http::last_answer;

/// The time that a request waits for a leader: Consul's `rpc_hold_timeout`.
pub const HOLD: Duration = Duration::from_secs(7);

/// Answers every request as Consul does without a leader, and closes the connection.
///
/// Clients retry it: Patroni takes any 500 of Consul for "try again"; the Go client returns it with its text.
pub fn no_leader() -> Router {
    Router::new().fallback(serve)
}

async fn serve(request: Request) -> Response {
    let form = BodyForm {
        pretty: false,
        compressed: gzip::accepted(request.headers()),
    };
    let mut response = Reply::internal_error("No cluster leader").into_response_at_once(form);
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().insert(header::VARY, vary);
    last_answer(response)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::StatusCode;
    use http_body_util::BodyExt;
    use tower_service::Service;

    use super::*;

    #[tokio::test]
    async fn answer_is_consuls_and_closes_the_connection() {
        let request = http::Request::put("/v1/kv/a?acquire=s")
            .body(Body::from("value"))
            .unwrap();
        let answer = no_leader().call(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers()["connection"], "close");
        assert_eq!(
            answer.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "No cluster leader");
    }
}

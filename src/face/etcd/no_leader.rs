//! Answers of an etcd member without a leader, for a gateway that can reach none.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::error::{V2Error, V2ErrorCode};
use super::keys::change::COMMIT_TIMEOUT;
use super::members::machines;
use super::reply::Reply;
use super::route::{Endpoint, Route};
use super::{unsupported, version};
use crate::face::go::{self, BadEscape};
use crate::face::http::RequestTarget;
use crate::face::http::last_answer;

/// The time that a request waits for a leader: as long as one that waits for its commit.
pub const HOLD: Duration = COMMIT_TIMEOUT;

/// Answers every request as an etcd member does without a leader, and closes the connection.
///
/// `advertise` is as in [`Etcd`](super::Etcd). A member answers without a leader where it needs none: clients that look
/// for another member ask for the list first, and give up where nobody has it.
pub fn no_leader(advertise: Vec<String>) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Arc::new(advertise))
}

async fn serve(State(advertise): State<Arc<Vec<String>>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let reply = answer(&advertise, &parts).unwrap_or_else(|refused| refused);
    last_answer(reply.into_response())
}

fn answer(advertise: &[String], parts: &Parts) -> Result<Reply, Reply> {
    if unsupported::is_grpc(&parts.headers) {
        return Err(unsupported::v3());
    }
    let target = RequestTarget::of(&parts.extensions, &parts.uri);
    let path = match go::decode_path(&target.path) {
        Ok(path) => go::collapse_slashes(&path),
        Err(BadEscape) => return Err(Reply::bad_request()),
    };
    let Some(route) = Route::of(&path) else {
        return Err(Reply::not_found());
    };
    match route.endpoint {
        Endpoint::Machines => machines::serve(advertise, parts),
        Endpoint::Version => version::serve(&parts.method),
        Endpoint::Health => {
            let unhealthy = Reply::text(StatusCode::SERVICE_UNAVAILABLE, r#"{"health":"false"}"#);
            Err(unhealthy.nosniff())
        }
        Endpoint::V3 => Err(unsupported::v3()),
        Endpoint::Keys
        | Endpoint::Members
        | Endpoint::StatsSelf
        | Endpoint::StatsStore
        | Endpoint::StatsLeader
        | Endpoint::Auth => {
            // etcd's answer without a leader. Clients branch on the code: Patroni and Go's client retry.
            let cause = "etcdserver: request timed out";
            Err(V2Error::new(V2ErrorCode::RaftInternal, cause).reply(0))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use tower_service::Service;

    use super::*;

    async fn response(request: http::request::Builder) -> (StatusCode, String) {
        let request = request.body(Body::from("value=v")).unwrap();
        let answer = no_leader(vec!["http://a:1".to_owned(), "http://b:2".to_owned()])
            .call(request)
            .await
            .unwrap();
        assert_eq!(answer.headers()["connection"], "close");
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn operations_on_keys_get_the_code_that_clients_retry() {
        let expected = r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#;
        for request in [
            Request::put("/v2/keys/a"),
            Request::get("/v2/keys/a?quorum=true"),
        ] {
            let (status, body) = response(request).await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(body.trim_end(), expected);
        }
    }

    #[tokio::test]
    async fn endpoints_that_need_no_leader_are_answered() {
        let machines = response(Request::get("/v2/machines")).await;
        assert_eq!(
            machines,
            (StatusCode::OK, "http://a:1, http://b:2".to_owned())
        );
        let health = response(Request::get("/health")).await;
        let unhealthy = r#"{"health":"false"}"#.to_owned();
        assert_eq!(health, (StatusCode::SERVICE_UNAVAILABLE, unhealthy));
        let (status, _) = response(Request::get("/version")).await;
        assert_eq!(status, StatusCode::OK);
    }
}

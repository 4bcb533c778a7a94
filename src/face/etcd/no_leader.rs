//! The answers of an etcd member that knows no leader.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response, StatusCode};

use super::error::{Code, Error};
use super::route::Route;
use super::{machines, refused, reply, version};
use crate::face::go::{self, BadEscape};
use crate::face::http::{RequestTarget, last_answer};

/// Answers requests as an etcd member does without a leader, and closes the connection.
///
/// `advertise` is as in [`Etcd`](super::Etcd). What a member knows by itself it tells: clients that look for another
/// member ask for the list first, and give up where nobody has it.
pub fn no_leader(advertise: Vec<String>) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Arc::new(advertise))
}

async fn serve(
    State(advertise): State<Arc<Vec<String>>>,
    request: Request<Body>,
) -> Response<Body> {
    last_answer(answer(&advertise, &request))
}

fn answer(advertise: &[String], request: &Request<Body>) -> Response<Body> {
    if refused::is_grpc(request.headers()) {
        return refused::v3();
    }
    let target = RequestTarget::of(request.extensions(), request.uri());
    let path = match go::decode_path(&target.path) {
        Ok(path) => go::collapse_slashes(&path),
        Err(BadEscape) => return reply::bad_request(),
    };
    match Route::of(&path) {
        Route::Machines => machines::serve(advertise, request),
        Route::Version => version::serve(request.method()),
        Route::Health => {
            let mut unhealthy =
                reply::text(StatusCode::SERVICE_UNAVAILABLE, r#"{"health":"false"}"#);
            reply::no_sniff(&mut unhealthy);
            unhealthy
        }
        Route::V3 => refused::v3(),
        Route::Unknown => reply::not_found(),
        Route::Keys(_)
        | Route::Members(_)
        | Route::StatsSelf
        | Route::StatsStore
        | Route::StatsLeader
        | Route::Auth(_) => {
            // What etcd says when nobody leads; clients branch on the code: Patroni and Go's client try again.
            Error::new(Code::RaftInternal, "etcdserver: request timed out").answer(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tower_service::Service;

    use super::*;

    async fn asked(request: http::request::Builder) -> (StatusCode, String) {
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
    async fn keys_are_answered_with_the_code_that_clients_retry() {
        let expected = r#"{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}"#;
        for request in [
            Request::put("/v2/keys/a"),
            Request::get("/v2/keys/a?quorum=true"),
        ] {
            let (status, body) = asked(request).await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(body.trim_end(), expected);
        }
    }

    #[tokio::test]
    async fn what_a_member_knows_by_itself_is_told() {
        let machines = asked(Request::get("/v2/machines")).await;
        assert_eq!(
            machines,
            (StatusCode::OK, "http://a:1, http://b:2".to_owned())
        );
        let health = asked(Request::get("/health")).await;
        let unhealthy = r#"{"health":"false"}"#.to_owned();
        assert_eq!(health, (StatusCode::SERVICE_UNAVAILABLE, unhealthy));
        let (status, _) = asked(Request::get("/version")).await;
        assert_eq!(status, StatusCode::OK);
    }
}

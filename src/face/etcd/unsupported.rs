//! What is not served, refused by name.

use axum::body::Body;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response, StatusCode};

use super::error::{Code, Error};
use super::reply;

/// What clients of the v3 API are told, whatever they speak.
pub const NO_GRPC: &str =
    "kubekv does not serve the etcd v3 API; set ETCDCTL_API=2 or use /v2/keys";

/// A path with `.` or `..` under a method that is not redirected.
pub(super) fn dots() -> Response<Body> {
    let cause = "a path with \".\" or \"..\" in it is never acted on by kubekv; send the path that is meant";
    Error::new(Code::InvalidField, cause).answer(0)
}

/// Whether a request is a call of gRPC.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The answer to calls of the v3 API, in the words of its JSON door: 12 is gRPC's "unimplemented".
pub(super) fn v3() -> Response<Body> {
    let body = format!(r#"{{"error":"{NO_GRPC}","message":"{NO_GRPC}","code":12}}"#);
    reply::json(StatusCode::NOT_IMPLEMENTED, body)
}

/// The answer to changes of users, roles and `enable`.
pub(super) fn auth() -> Response<Body> {
    let text = "kubekv keeps no etcd users and roles, and cannot turn them on";
    reply::message(StatusCode::NOT_IMPLEMENTED, text)
}

/// The answer to changes of the member list.
pub(super) fn members() -> Response<Body> {
    let text = "kubekv has no etcd members to add, change or remove";
    reply::message(StatusCode::NOT_IMPLEMENTED, text)
}

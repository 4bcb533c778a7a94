//! Answers to requests that are not served: the v3 API, changes of users, roles and members, bad paths.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::error::{V2Error, V2ErrorCode};
use super::reply::Reply;

/// The error for clients of the v3 API, over gRPC and over JSON.
pub const NO_GRPC: &str =
    "kubekv does not serve the etcd v3 API; set ETCDCTL_API=2 or use /v2/keys";

/// A path with `.` or `..`, with a method that is not redirected.
pub(super) fn dots() -> Reply {
    let cause = "a path with \".\" or \"..\" in it is never acted on by kubekv; send the path that is meant";
    V2Error::new(V2ErrorCode::InvalidField, cause).reply(0)
}

/// Whether a request is a gRPC call.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// A call of the v3 API, answered in the format of its JSON gateway: 12 is gRPC's "unimplemented".
pub(super) fn v3() -> Reply {
    let body = format!(r#"{{"error":"{NO_GRPC}","message":"{NO_GRPC}","code":12}}"#);
    Reply::json(StatusCode::NOT_IMPLEMENTED, body)
}

/// A change of users, of roles or of `enable`. Go's client shows the sentence of a 409, as etcd's own refusals have it; of a 501 it
/// says that the cluster is unavailable.
pub(super) fn auth() -> Reply {
    let text = "kubekv keeps no etcd users and roles: what clients may do is said by the policy of the gateway (--policy)";
    Reply::message(StatusCode::CONFLICT, text)
}

/// A change of the member list, refused with the same status.
pub(super) fn members() -> Reply {
    let text = "kubekv has no etcd members to add, change or remove";
    Reply::message(StatusCode::CONFLICT, text)
}

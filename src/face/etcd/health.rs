//! `GET /health`: the health of the member; `etcdctl cluster-health` asks for it.

use http::{Method, StatusCode};

use super::reply::Reply;
use super::request::check_method;

/// Answers that the member is healthy.
pub(super) fn serve(method: &Method) -> Result<Reply, Reply> {
    check_method(method, "GET")?;
    Ok(Reply::text(StatusCode::OK, r#"{"health":"true"}"#))
}

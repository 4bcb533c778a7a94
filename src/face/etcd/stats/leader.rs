//! `GET /v2/stats/leader`: the leader and its followers.

use http::StatusCode;

use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;

/// Answers with the only member as the leader, without followers.
pub(in crate::face::etcd) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    request.check_method("GET")?;
    let id = request.face.member_id();
    let body = format!(r#"{{"leader":"{id}","followers":{{}}}}"#);
    Ok(Reply::json(StatusCode::OK, body))
}

//! `GET /v1/status/leader`: the address of the leader.

use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::push_json_string;

/// Answers with the address of this gateway.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    QueryOptions::parse(request)?;
    request.check_datacenter()?;
    let mut body = Vec::new();
    push_json_string(&mut body, request.local_address.to_string().as_bytes());
    Ok(Reply::json(body))
}

//! `GET /v1/agent/members`: the members of the cluster.

use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;

/// Answers with this gateway alone; with `?wan`, with nobody. Segments are a feature of Consul Enterprise.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let is_wan = !request.query.get("wan").is_empty();
    match (request.query.get("segment"), is_wan) {
        (b"" | b"_all", true) => return Ok(Reply::json("null")),
        (b"" | b"_all", false) => {}
        (_, true) => {
            return Err(Reply::bad_request("Cannot provide a segment with wan=true"));
        }
        (_, false) => {
            return Err(Reply::internal_error(
                "Network segments are not supported in this version of Consul",
            ));
        }
    }
    let mut body = Vec::new();
    push_array(&mut body, [request], |out, request| {
        gateway_node::push_member(request, out);
    });
    Ok(Reply::json(body))
}

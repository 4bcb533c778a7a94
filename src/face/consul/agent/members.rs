//! `GET /v1/agent/members`: the members of the cluster.

use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;

/// Answers with this gateway alone; with `?wan`, with nobody.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Reply {
    if !request.query.get("wan").is_empty() {
        return Reply::json("null");
    }
    let mut body = Vec::new();
    push_array(&mut body, [request], |out, request| {
        gateway_node::push_member(request, out);
    });
    Reply::json(body)
}

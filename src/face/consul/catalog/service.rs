//! `GET /v1/catalog/service/SERVICE`: the nodes of a service.

use super::read;
use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;

/// Answers with the only service on its node, or an empty list for another.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    read::begin(request).await?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing service name"));
    }
    let mut body = Vec::new();
    let matches = read::names_the_service(request);
    push_array(&mut body, matches.then_some(request), |out, request| {
        gateway_node::push_catalog_service(request, out);
    });
    read::reply(request, body)
}

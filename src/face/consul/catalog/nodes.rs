//! `GET /v1/catalog/nodes`: all nodes.

use super::read;
use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;

/// Answers with the only node, where it has the metadata that the client asks for.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    // Nodes are in no namespace: Consul does not read the parameter here.
    read::begin_without_namespace(request).await?;
    let mut body = Vec::new();
    let matches = gateway_node::has_metadata(request);
    push_array(&mut body, matches.then_some(request), |out, request| {
        gateway_node::push_node(request, out);
    });
    read::reply(request, body)
}

//! `GET /v1/catalog/node/NODE`: a node with its services.

use super::read;
use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::JsonObject;

/// Answers with the only node and its service, or `null` for another name.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let name = request.rest_text();
    read::begin(request).await?;
    if name.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    if !gateway_node::is_named(request, &name) {
        return read::reply(request, b"null".to_vec());
    }
    let mut body = Vec::new();
    JsonObject::new(&mut body)
        .with("Node", |out| gateway_node::push_node(request, out))
        .with("Services", |out| {
            JsonObject::new(out)
                .with(gateway_node::SERVICE, |out| {
                    gateway_node::push_service(request, out);
                })
                .end();
        })
        .end();
    read::reply(request, body)
}

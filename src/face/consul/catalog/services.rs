//! `GET /v1/catalog/services`: the names and tags of all services.

use super::read;
use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::JsonObject;

/// Answers with the only service, where its node has the metadata that the client asks for.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    read::begin(request).await?;
    let mut body = Vec::new();
    let matches = gateway_node::has_metadata(request);
    let object = JsonObject::new(&mut body);
    if matches {
        object.json(gateway_node::SERVICE, b"[]").end();
    } else {
        object.end();
    }
    read::reply(request, body)
}

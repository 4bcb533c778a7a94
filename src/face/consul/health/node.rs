//! `GET /v1/health/node/NODE`: the checks of a node.

use crate::face::consul::catalog::read;
use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;

/// Answers with the check of the only node, or an empty list for another name.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    read::begin(request).await?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    read::checks_reply(
        request,
        gateway_node::is_named(request, &request.rest_text()),
    )
}

//! `GET /v1/health/state/STATE`: the checks in a state.

use crate::face::consul::catalog::read;
use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;

/// Answers with the check of the only node, which always passes.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    read::begin(request).await?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing check state"));
    }
    let matches =
        matches!(request.rest, b"any" | b"passing") && gateway_node::has_metadata(request);
    read::checks_reply(request, matches)
}

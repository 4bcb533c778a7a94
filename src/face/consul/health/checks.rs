//! `GET /v1/health/checks/SERVICE`: the checks of a service.

use crate::face::consul::catalog::read;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;

/// Answers with an empty list: the node has a check, its service has none.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    read::begin(request).await?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing service name"));
    }
    read::checks_reply(request, false)
}

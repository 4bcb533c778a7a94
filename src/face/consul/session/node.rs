//! `GET /v1/session/node/NODE`: lists the sessions of a node.

use super::list::sessions;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;

/// Answers with the sessions of one node, by id; the case of its name does not matter.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let options = QueryOptions::parse(request)?;
    request.refuse_namespace()?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    let name = request.rest_text().to_lowercase();
    sessions(request, options, |node| node.to_lowercase() == name).await
}

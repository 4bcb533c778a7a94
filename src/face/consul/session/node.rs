//! `GET /v1/session/node/NODE`: lists the sessions of a node.

use super::list::sessions;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;

/// The longest name that is looked for, in bytes. Consul has no limit.
const MAX_NAME: usize = 4096;

/// Answers with the sessions of one node, by id; the case of its name does not matter.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let options = QueryOptions::parse(request)?;
    request.refuse_namespace()?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    if request.rest.len() > MAX_NAME {
        let text = format!("the name of a node has {MAX_NAME} bytes at most");
        return Err(Reply::bad_request(text));
    }
    let name = request.rest_text().to_lowercase();
    sessions(request, options, Some(name)).await
}

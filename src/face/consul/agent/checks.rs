//! `GET /v1/agent/checks`: the checks registered with the agent.

use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;

/// Answers with no checks, as a bare Consul server does.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    request.refuse_namespace()?;
    request.refuse_filter()?;
    Ok(Reply::json("{}"))
}

//! `GET /v1/agent/services`: the services registered with the agent.

use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;

/// Answers with no services, as a bare Consul server does.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    request.refuse_namespace()?;
    request.refuse_filter()?;
    Ok(Reply::json("{}"))
}

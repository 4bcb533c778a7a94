//! `GET /v1/session/info/ID`: reads one session.

use super::id;
use super::lease::{node_of, push_session};
use crate::face::consul::blocking_query::Subject;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;

/// Answers with an array of one session, or an empty array. The index is that of all sessions, as in Consul.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let options = QueryOptions::parse(request)?;
    request.refuse_namespace()?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing session"));
    }
    let (_, id) = id::of_path(request).map_err(Reply::no_known_leader)?;
    request
        .face
        .blocking_query(&request.caller, options, &Subject::Session(id))
        .await?;
    let view = request.face.space.read(&request.caller);
    let index = request.face.sessions_index(&request.caller, &view).await?;
    let found = id
        .and_then(|id| view.lease(id))
        .filter(|(lease, _)| node_of(lease).is_some());
    let mut body = Vec::new();
    push_array(&mut body, found, |out, (lease, record)| {
        push_session(out, &lease, record);
    });
    Ok(Reply::json(body).index(index))
}

//! `PUT /v1/session/renew/ID`: renews a session.

use http::StatusCode;

use super::id;
use super::lease::{node_of, push_session};
use crate::face::consul::commit_error;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;
use crate::model::Caller;

/// Answers with the session, whose full time begins again; 404 where there is none.
pub(in crate::face::consul) fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    QueryOptions::parse(request)?;
    request.refuse_namespace()?;
    let (text, id) = id::of_path(request)?;
    let view = request.face.space.read(&Caller::System);
    let found = id
        .and_then(|id| view.lease(id))
        .filter(|(lease, _)| node_of(lease).is_some());
    // Renewed before it is shown: a session that is ending cannot be renewed, and must not be shown.
    let renewed = match &found {
        Some((lease, _)) => request.face.space.renew(&request.caller, lease.id),
        None => Ok(false),
    };
    let renewed = renewed.map_err(|denied| commit_error::denied(&denied))?;
    let (Some((lease, record)), true) = (found, renewed) else {
        let text = format!("Session id '{text}' not found");
        return Err(Reply::text(StatusCode::NOT_FOUND, text));
    };
    let mut body = Vec::new();
    push_array(&mut body, [lease], |out, lease| {
        push_session(out, &lease, record);
    });
    Ok(Reply::json(body))
}

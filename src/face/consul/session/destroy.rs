//! `PUT /v1/session/destroy/ID`: destroys a session.

use super::id;
use crate::face::consul::commit_error;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::fairness::Cost;
use crate::model::LeaseProtocol;

/// Releases or deletes the entries that the session held, by its behavior. Answers `true`, whether or not there was a
/// session.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    request.refuse_namespace()?;
    let (_, id) = id::of_path(request)?;
    let Some(id) = id else {
        return Ok(Reply::boolean(true));
    };
    // The seat of a small change: what the session has locked is released in parts, the rest after the answer.
    let (fairness, space) = (&request.face.fairness, &request.face.space);
    let mut seat = Some(fairness.seat(request.flow, Cost::SMALL).await?);
    let ended = space.end_lease(&request.caller, LeaseProtocol::Consul, &mut seat, id);
    match ended.await {
        Ok(_) => Ok(Reply::boolean(true)),
        Err(error) => Err(commit_error::reply(error, |never, _| match never {})),
    }
}

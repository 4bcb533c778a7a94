//! `GET` with `wait`: watches a node, and answers with the next event, or with each event as it happens (`stream`).
//!
//! The head of the answer is sent at once and the event follows, however long that takes. When the client hangs up, the
//! body is dropped, and the watch with it.
//!
//! A wait is never refused because the gateway is overloaded: an error ends Docker's watches for good. It waits longer.

use http::StatusCode;

use super::find::check_watchable;
use super::parameters::Parameters;
use super::watch_scope::WatchScope;
use super::watcher::Watcher;
use super::weight;
use crate::face::etcd::chunks;
use crate::face::etcd::commit_error;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;

/// Answers with a body that sends the event, or the events, when they happen.
pub(super) fn serve(request: &ApiRequest<'_>, parameters: &Parameters) -> Result<Reply, Reply> {
    let space = &request.face.space;
    let scope = WatchScope {
        path: parameters.path.clone(),
        recursive: parameters.recursive,
    };
    check_watchable(space, &request.caller, &scope).map_err(|_denied| commit_error::forbidden())?;
    // Nothing can ever happen there.
    weight::check_length(&parameters.path, space.limits())
        .map_err(|error| error.reply(space.read(&request.caller).revision()))?;
    let (watcher, revision) = Watcher::begin(request, parameters, scope)
        .map_err(|(error, revision)| error.reply(revision))?;
    let body = chunks::body(watcher);
    Ok(Reply::json(StatusCode::OK, body).revision(revision))
}

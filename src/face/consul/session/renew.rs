//! `PUT /v1/session/renew/ID`

use http::StatusCode;

use super::super::ask::Ask;
use super::super::json::push_array;
use super::super::options::Options;
use super::super::refused;
use super::super::reply::{Answer, Reply};
use super::record::{node_of, push_session};
use crate::model::Caller;

/// Gives a session its full time again and shows it, or 404.
pub(in crate::face::consul) fn renew(ask: &Ask<'_>) -> Answer {
    Options::parse(ask)?;
    ask.no_namespace()?;
    let (text, id) = super::named(ask)?;
    let view = ask.face.space.read(&Caller::System);
    let found = id
        .and_then(|id| view.lease(id))
        .filter(|(lease, _)| node_of(lease).is_some());
    // Renewed before it is shown: a session that is ending is not.
    let renewed = match &found {
        Some((lease, _)) => ask.face.space.renew(&ask.caller, lease.id),
        None => Ok(false),
    };
    let (Some((lease, record)), true) =
        (found, renewed.map_err(|denied| refused::denied(&denied))?)
    else {
        let words = format!("Session id '{text}' not found");
        return Err(Reply::text(StatusCode::NOT_FOUND, words));
    };
    let mut body = Vec::new();
    push_array(&mut body, [lease], |out, lease| {
        push_session(out, &lease, record);
    });
    Ok(Reply::json(body))
}

//! `PUT /v1/session/renew/ID`

use http::StatusCode;

use super::super::ask::Ask;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use super::record::{node_of, push_session};
use crate::face::go::json_write::push_array;

/// Gives a session its full time again and shows it, or 404.
pub(in crate::face::consul) fn renew(ask: &Ask<'_>) -> Answer {
    Options::parse(ask)?;
    ask.no_namespace()?;
    let (text, id) = super::named(ask)?;
    let view = ask.face.space.read(&ask.caller);
    let found = id
        .and_then(|id| view.lease(id))
        .filter(|(lease, _)| node_of(lease).is_some())
        // Renewed before it is shown: a session that is ending is not.
        .filter(|(lease, _)| ask.face.space.renew(lease.id));
    let Some((lease, record)) = found else {
        let words = format!("Session id '{text}' not found");
        return Err(Reply::text(StatusCode::NOT_FOUND, words));
    };
    let mut body = Vec::new();
    push_array(&mut body, [lease], |out, lease| {
        push_session(out, &lease, record);
    });
    Ok(Reply::json(body))
}

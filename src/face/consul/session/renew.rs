//! `PUT /v1/session/renew/ID`

use http::StatusCode;

use super::lease::{node_of, push_session};
use crate::face::consul::json_writer::push_array;
use crate::face::consul::query_options::Options;
use crate::face::consul::reply::{Answer, Reply};
use crate::face::consul::request::Ask;

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

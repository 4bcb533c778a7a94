//! `GET /v1/session/info/ID`

use super::super::ask::Ask;
use super::super::json::push_array;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use super::record::{node_of, push_session};
use crate::model::KeyRange;
use crate::space::View;

/// One session as an array of one, or an empty array. The index is that of all sessions, as in Consul.
pub(in crate::face::consul) async fn info(ask: &Ask<'_>) -> Answer {
    let options = Options::parse(ask)?;
    ask.no_namespace()?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing session"));
    }
    let (_, id) = super::named(ask).map_err(Reply::leaderless)?;
    let ranges = id.map(|id| KeyRange::Exact(id.record_key()));
    let ranges = ranges.into_iter().collect();
    let (view, index) = ask
        .face
        .changed(&ask.caller, options, ranges, View::leases_index)
        .await;
    let found = id
        .and_then(|id| view.lease(id))
        .filter(|(lease, _)| node_of(lease).is_some());
    let mut body = Vec::new();
    push_array(&mut body, found, |out, (lease, record)| {
        push_session(out, &lease, record);
    });
    Ok(Reply::json(body).at(index))
}

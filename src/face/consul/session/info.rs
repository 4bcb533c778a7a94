//! `GET /v1/session/info/ID`

use super::super::ask::Ask;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use super::record::{node_of, push_session};
use crate::face::go::json_write::push_array;
use crate::model::{KeyRange, LeaseId};

/// One session as an array of one, or an empty array. The index is that of all sessions, as in Consul.
pub(in crate::face::consul) async fn info(ask: &Ask<'_>) -> Answer {
    let options = Options::parse(ask)?;
    ask.no_namespace()?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing session"));
    }
    let (_, id) = super::named(ask).map_err(Reply::leaderless)?;
    let ranges = id.map(|id| KeyRange::Exact(id.record_key()));
    let (view, index) = ask
        .face
        .changed(&ask.caller, options, ranges.into_iter().collect(), |view| {
            view.prefix_index(&LeaseId::records())
        })
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

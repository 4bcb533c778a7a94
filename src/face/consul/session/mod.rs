//! `/v1/session/...`: leases, as Consul's clients know them.

mod body;
mod create;
mod destroy;
mod id;
mod info;
mod lease;
mod list;
mod renew;

pub(super) use body::shortest_ttl;
pub(super) use create::create;
pub(super) use destroy::destroy;
pub(super) use id::{SessionId, parse_id};
pub(super) use info::info;
pub(super) use list::{list, node};
pub(super) use renew::renew;

use super::reply::Reply;
use super::request::Ask;
use crate::model::LeaseId;

/// The session a request to this datacenter is about: the text as it was sent, and the id where it can be one.
fn named(ask: &Ask<'_>) -> Result<(String, Option<LeaseId>), Reply> {
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing session"));
    }
    // The request goes to its datacenter before the id is looked at.
    ask.this_datacenter()?;
    let id = match parse_id(ask.rest) {
        Ok(SessionId::Known(id)) => Some(id),
        Ok(SessionId::OfNobody) => None,
        Err(error) => return Err(Reply::failed(error.to_string())),
    };
    Ok((ask.rest_text(), id))
}

//! `GET /v1/session/list` and `GET /v1/session/node/NODE`

use super::super::ask::Ask;
use super::super::json::push_array;
use super::super::options::Options;
use super::super::reply::{Answer, Reply};
use super::record::{node_of, push_session};
use crate::model::{KeyRange, LeaseId};
use crate::space::View;

/// Every session, by id.
pub(in crate::face::consul) async fn list(ask: &Ask<'_>) -> Answer {
    let options = Options::parse(ask)?;
    ask.no_namespace()?;
    sessions(ask, options, |_| true).await
}

/// The sessions of one node, by id.
pub(in crate::face::consul) async fn node(ask: &Ask<'_>) -> Answer {
    let options = Options::parse(ask)?;
    ask.no_namespace()?;
    if ask.rest.is_empty() {
        return Err(Reply::bad_request("Missing node name"));
    }
    let wanted = ask.rest_text().to_lowercase();
    sessions(ask, options, |node| node.to_lowercase() == wanted).await
}

async fn sessions(ask: &Ask<'_>, options: Options, of: impl Fn(&str) -> bool) -> Answer {
    ask.this_datacenter().map_err(Reply::leaderless)?;
    let range = vec![KeyRange::Prefix(LeaseId::records())];
    let (view, index) = ask
        .face
        .changed(&ask.caller, options, range, View::leases_index)
        .await;
    let shown = view
        .leases()
        .filter(|(lease, _)| node_of(lease).is_some_and(&of));
    let mut body = Vec::new();
    push_array(&mut body, shown, |out, (lease, record)| {
        push_session(out, &lease, record);
    });
    Ok(Reply::json(body).at(index))
}

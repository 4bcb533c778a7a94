//! `GET /v1/session/list`: lists all sessions.

use super::lease::{node_of, push_session, weight_of};
use crate::face::consul::blocking_query::Subject;
use crate::face::consul::lists::ListName;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::consul::weight::Weight;
use crate::face::go::json_writer::push_array;
use crate::face::list_cache::Made;
use crate::model::{KeyRange, LeaseId};
use crate::space::View;

/// Answers with every session, by id.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let options = QueryOptions::parse(request)?;
    request.refuse_namespace()?;
    sessions(request, options, None).await
}

/// Answers with the sessions of the node of this name in lower case, or of all nodes, by id.
pub(super) async fn sessions(
    request: &ApiRequest<'_>,
    options: QueryOptions,
    node: Option<String>,
) -> Result<Reply, Reply> {
    request.check_datacenter().map_err(Reply::no_known_leader)?;
    request
        .face
        .blocking_query(&request.caller, options, &Subject::Sessions)
        .await?;
    // Read before the list is taken, as for keys.
    let floor = request.face.space.read(&request.caller).index_floor();
    let name = ListName::Sessions(node.as_deref());
    let range = vec![KeyRange::Prefix(LeaseId::records())];
    let make = {
        let node = node.clone();
        move |view: &View, weight| encode(view, node.as_deref(), weight)
    };
    let list = request.list(name, range, weigh, make).await?;
    let index = list.index().max(floor);
    Ok(Reply::list(list).index(index))
}

/// The weight of all sessions.
fn weigh(view: &View, goes_on: fn(Weight) -> bool) -> Weight {
    let mut weight = Weight::default();
    for (_, record) in view.leases() {
        weight = weight.plus(weight_of(record));
        if !goes_on(weight) {
            break;
        }
    }
    weight
}

fn encode(view: &View, node: Option<&str>, weight: Weight) -> Made {
    let is_wanted = |own: &str| node.is_none_or(|node| own.to_lowercase() == node);
    let shown = view
        .leases()
        .filter(|(lease, _)| node_of(lease).is_some_and(&is_wanted));
    let mut body = Vec::with_capacity(weight.bytes);
    push_array(&mut body, shown, |out, (lease, record)| {
        push_session(out, &lease, record);
    });
    Made {
        body,
        index: view.leases_index(),
        lasts: true,
    }
}

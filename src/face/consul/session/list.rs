//! `GET /v1/session/list`: lists all sessions.

use super::lease::{node_of, push_session};
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;
use crate::model::{KeyRange, LeaseId};
use crate::space::View;

/// Answers with every session, by id.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    let options = QueryOptions::parse(request)?;
    request.refuse_namespace()?;
    sessions(request, options, |_| true).await
}

/// Answers with the sessions of the nodes that `includes` accepts, by id.
pub(super) async fn sessions(
    request: &ApiRequest<'_>,
    options: QueryOptions,
    includes: impl Fn(&str) -> bool,
) -> Result<Reply, Reply> {
    request.check_datacenter().map_err(Reply::no_known_leader)?;
    let range = vec![KeyRange::Prefix(LeaseId::records())];
    let (view, index) = request
        .face
        .blocking_query(&request.caller, options, range, View::leases_index)
        .await;
    let shown = view
        .leases()
        .filter(|(lease, _)| node_of(lease).is_some_and(&includes));
    let mut body = Vec::new();
    push_array(&mut body, shown, |out, (lease, record)| {
        push_session(out, &lease, record);
    });
    Ok(Reply::json(body).index(index))
}

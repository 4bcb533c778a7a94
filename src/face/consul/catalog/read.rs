//! Read of the catalog or of health: its checks, its blocking query, its answer.

use crate::face::consul::blocking_query::Subject;
use crate::face::consul::gateway_node;
use crate::face::consul::query_options::QueryOptions;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::push_array;

/// Checks a read that a namespace may restrict, and waits where it is a blocking query.
pub(in crate::face::consul) async fn begin(request: &ApiRequest<'_>) -> Result<(), Reply> {
    request.refuse_namespace()?;
    begin_without_namespace(request).await
}

/// Checks a read, and waits where it is a blocking query: until its time is up, as the catalog never changes.
pub(super) async fn begin_without_namespace(request: &ApiRequest<'_>) -> Result<(), Reply> {
    let options = QueryOptions::parse(request)?;
    request.refuse_filter()?;
    request.check_datacenter().map_err(Reply::no_known_leader)?;
    let subject = Subject::Constant(request.face.catalog_index);
    request
        .face
        .blocking_query(&request.caller, options, &subject)
        .await
}

/// Whether the request names the only service, by name, tag and metadata. The service has no tags.
pub(in crate::face::consul) fn names_the_service(request: &ApiRequest<'_>) -> bool {
    request
        .rest
        .eq_ignore_ascii_case(gateway_node::SERVICE.as_bytes())
        && !request.query.has("tag")
        && gateway_node::has_metadata(request)
}

/// The answer, with its index and its consistency.
pub(in crate::face::consul) fn reply(
    request: &ApiRequest<'_>,
    body: Vec<u8>,
) -> Result<Reply, Reply> {
    let options = QueryOptions::parse(request)?;
    Ok(Reply::json(body)
        .index(request.face.catalog_index)
        .consistency(options.consistency))
}

/// The answer that lists the only check where `matches`, and no check otherwise.
pub(in crate::face::consul) fn checks_reply(
    request: &ApiRequest<'_>,
    matches: bool,
) -> Result<Reply, Reply> {
    let mut body = Vec::new();
    push_array(&mut body, matches.then_some(request), |out, request| {
        gateway_node::push_check(request, out);
    });
    reply(request, body)
}

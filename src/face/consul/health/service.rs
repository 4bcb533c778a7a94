//! `GET /v1/health/service/SERVICE`: the nodes of a service, with their checks.

use crate::face::consul::catalog::read;
use crate::face::consul::gateway_node;
use crate::face::consul::reply::Reply;
use crate::face::consul::request::ApiRequest;
use crate::face::go::json_writer::{JsonObject, push_array};
use crate::face::go::parse_bool;

/// Answers with the only service, its node and the node's check, or an empty list for another service.
pub(in crate::face::consul) async fn serve(request: &ApiRequest<'_>) -> Result<Reply, Reply> {
    read::begin(request).await?;
    if request.rest.is_empty() {
        return Err(Reply::bad_request("Missing service name"));
    }
    check_passing(request)?;
    let mut body = Vec::new();
    let matches = read::names_the_service(request);
    push_array(&mut body, matches.then_some(request), |out, request| {
        JsonObject::new(out)
            .with("Node", |out| gateway_node::push_node(request, out))
            .with("Service", |out| gateway_node::push_service(request, out))
            .with("Checks", |out| {
                push_array(out, [request], |out, request| {
                    gateway_node::push_check(request, out);
                });
            })
            .end();
    });
    read::reply(request, body)
}

/// Refuses a `passing` that is no truth value, as Consul does once it has read. The only node always passes, so that either
/// value shows the same; without a value it means `true`.
fn check_passing(request: &ApiRequest<'_>) -> Result<(), Reply> {
    let passing = request.query.get("passing");
    if passing.is_empty() || parse_bool(passing).is_some() {
        return Ok(());
    }
    Err(Reply::bad_request("Invalid value for ?passing"))
}

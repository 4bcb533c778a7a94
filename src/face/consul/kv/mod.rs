//! `/v1/kv/KEY`: reading, writing and deleting entries.

mod delete;
pub(super) mod encode;
mod get;
mod keys;
mod list;
mod parameters;
mod prefix_query;
mod put;
mod separator;
pub(super) mod verbs;

use axum::body::Body;
use http::Method;

use super::query_options::QueryOptions;
use super::reply::Reply;
use super::request::ApiRequest;

/// Answers a request of any method that the endpoint takes.
pub(super) async fn serve(request: &ApiRequest<'_>, body: Body) -> Result<Reply, Reply> {
    // Consul parses the options of a read for writes too, and refuses there what it refuses in a read.
    let options = QueryOptions::parse(request)?;
    request.refuse_namespace()?;
    match request.parts.method {
        Method::PUT => put::serve(request, body).await,
        Method::DELETE => delete::serve(request).await,
        _ if request.query.has("keys") => keys::serve(request, options).await,
        _ if request.query.has("recurse") => list::serve(request, options).await,
        _ => get::serve(request, options).await,
    }
}

//! Router: takes a request apart, checks path and method as Consul does, and calls the operation.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};

use super::decoded_target::DecodedTarget;
use super::face::{Consul, Face};
use super::long_answer::BodyForm;
use super::path::PathError;
use super::reply::Reply;
use super::request::ApiRequest;
use super::route::{Endpoint, Route};
use super::weight::Weight;
use super::{
    agent, audit, catalog, commit_error, health, kv, secrets, session, status, txn, unsupported,
};
use crate::face::go::{Query, QueryError};
use crate::face::http::RequestTarget;
use crate::face::{authentication, caller, go, gzip};
use crate::model::{Caller, FaceName, Flow};

/// The router of a face with these settings. Requests are expected to carry a
/// [`Connection`](crate::face::server::Connection), as the server gives them.
pub fn router(settings: Consul) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Arc::new(Face::new(settings)))
}

async fn serve(State(face): State<Arc<Face>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let caller = caller::of(FaceName::Consul, &parts.extensions);
    let flow = Flow::of(&caller);
    let target = RequestTarget::of(&parts.extensions, &parts.uri);
    let decoded = match DecodedTarget::of(&face.fairness, flow, &target).await {
        Ok(decoded) => decoded,
        Err(overloaded) => return plain(overloaded.into()),
    };
    let path = match decoded.path {
        Ok(path) => path,
        Err(PathError::NotPrintable) => return plain(Reply::empty(StatusCode::BAD_REQUEST)),
        // Go's server answers this itself, before Consul sees the request.
        Err(PathError::BadEscape) => {
            let close = HeaderValue::from_static("close");
            let reply = Reply::bad_request("400 Bad Request");
            return plain(reply.header(header::CONNECTION, close));
        }
        Err(PathError::Dots(path)) => {
            return redirected(&parts.method, &path, &target, unsupported::dots());
        }
    };
    // A CONNECT that names a host has no path: there is no such page.
    if target.path.is_empty() {
        return plain(unsupported::no_page());
    }
    if path == b"/" {
        return plain(Reply::text(StatusCode::OK, "Consul Agent"));
    }
    let Some(route) = Route::of(&path) else {
        return without_route(&parts.method, &path, &target);
    };
    let mut form = BodyForm {
        pretty: false,
        compressed: gzip::accepted(&parts.headers),
    };
    let reply = match accepted(route, &parts, decoded.query) {
        Err(refused) => refused,
        Ok(query) => {
            form.pretty = query.has("pretty");
            match authenticate(&face, caller, (route, &parts, &query)).await {
                Err(refused) => refused,
                Ok(caller) => {
                    let request = ApiRequest::new(&face, caller, &parts, route.rest, query);
                    let answered = dispatch(&request, route, body).await;
                    let reply = answered.unwrap_or_else(|refused| refused);
                    audit::record_read(&request, route.endpoint, reply.status());
                    reply
                }
            }
        }
    };
    let mut response = reply.into_response(form, &face.fairness, flow).await;
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().insert(header::VARY, vary);
    response
}

/// The caller with what its request shows. Who leads, and of which datacenter, Consul answers to everybody.
async fn authenticate(
    face: &Face,
    caller: Caller,
    (route, parts, query): (Route<'_>, &Parts, &Query),
) -> Result<Caller, Reply> {
    if matches!(
        route.endpoint,
        Endpoint::StatusLeader | Endpoint::StatusPeers | Endpoint::CatalogDatacenters
    ) {
        return Ok(caller);
    }
    let shown = secrets::of(parts, query);
    let authenticated =
        authentication::authenticate(&face.space, (caller, &parts.extensions), shown).await;
    authenticated.map_err(commit_error::not_authenticated)
}

/// The answer to a path that leads to no endpoint.
fn without_route(method: &Method, path: &[u8], target: &RequestTarget) -> Response {
    match Route::missing_slash(path) {
        None => plain(Reply::empty(StatusCode::NOT_FOUND)),
        // `DELETE /v1/kv?recurse` would empty the store if it were taken for `/v1/kv/`.
        Some(pattern) => {
            let refusal = unsupported::missing_slash(pattern);
            redirected(method, pattern.as_bytes(), target, refusal)
        }
    }
}

/// Consul's redirect of a read to the clean path; this refusal of a write, which a client that follows would make to a path
/// that it did not name.
fn redirected(method: &Method, path: &[u8], target: &RequestTarget, refusal: Reply) -> Response {
    // A redirect has path and query twice, and escaped.
    if !Weight::of_bytes(path.len() + target.query().len()).is_small() {
        return plain(refusal);
    }
    let redirect = go::redirect_to_clean(method, path, target.query.as_deref());
    redirect.unwrap_or_else(|| plain(refusal))
}

/// An answer that no endpoint gave: never compressed.
fn plain(reply: Reply) -> Response {
    reply.into_response_at_once(BodyForm::PLAIN)
}

/// The query of a request whose method the endpoint takes.
fn accepted(
    route: Route<'_>,
    parts: &Parts,
    query: Result<Query, QueryError>,
) -> Result<Query, Reply> {
    let query = query.map_err(|error| match error {
        QueryError::TooMany => Reply::bad_request(error.to_string()),
        // Consul logs the reason and sends an empty body.
        QueryError::Escape(_) | QueryError::Semicolon => {
            Reply::empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    })?;
    if route.methods.is_empty() || route.methods.contains(&parts.method.as_str()) {
        return Ok(query);
    }
    let allowed = allow(route.methods);
    let refusal = if parts.method == Method::OPTIONS {
        Reply::empty(StatusCode::OK)
    } else {
        let text = format!("method {} not allowed", parts.method);
        Reply::text(StatusCode::METHOD_NOT_ALLOWED, text)
    };
    Err(refusal.header(header::ALLOW, allowed))
}

async fn dispatch(request: &ApiRequest<'_>, route: Route<'_>, body: Body) -> Result<Reply, Reply> {
    match route.endpoint {
        Endpoint::Kv => kv::serve(request, body).await,
        Endpoint::Txn => txn::serve(request, body).await,
        Endpoint::SessionCreate => session::create::serve(request, body).await,
        Endpoint::SessionDestroy => session::destroy::serve(request).await,
        Endpoint::SessionRenew => session::renew::serve(request),
        Endpoint::SessionInfo => session::info::serve(request).await,
        Endpoint::SessionNode => session::node::serve(request).await,
        Endpoint::SessionList => session::list::serve(request).await,
        Endpoint::AgentSelf => Ok(agent::agent_self::serve(request)),
        Endpoint::AgentMembers => agent::members::serve(request),
        Endpoint::AgentChecks => agent::checks::serve(request),
        Endpoint::AgentServices => agent::services::serve(request),
        Endpoint::StatusLeader => status::leader::serve(request),
        Endpoint::StatusPeers => status::peers::serve(request),
        Endpoint::CatalogDatacenters => catalog::datacenters::serve(request),
        Endpoint::CatalogNodes => catalog::nodes::serve(request).await,
        Endpoint::CatalogNode => catalog::node::serve(request).await,
        Endpoint::CatalogServices => catalog::services::serve(request).await,
        Endpoint::CatalogService => catalog::service::serve(request).await,
        Endpoint::HealthNode => health::node::serve(request).await,
        Endpoint::HealthState => health::state::serve(request).await,
        Endpoint::HealthChecks => health::checks::serve(request).await,
        Endpoint::HealthService => health::service::serve(request).await,
        Endpoint::Acl => {
            let has_policy = request.face.space.has_policy();
            Err(unsupported::acl(route.pattern, has_policy))
        }
        Endpoint::Unsupported => Err(unsupported::endpoint(route.pattern)),
    }
}

fn allow(methods: &[&str]) -> HeaderValue {
    let all = format!("OPTIONS,{}", methods.join(","));
    HeaderValue::from_str(&all).unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"))
}

//! Consul's HTTP API, as version 1.8.7 answers in server mode without access control.
//!
//! One operation a file. What differs from Consul on purpose is listed in `docs/compatibility.md`, and the tests of
//! `tests/consul` hold the two against each other.

mod agent;
mod ask;
mod block;
mod catalog;
mod decode;
mod endpoints;
mod health;
mod kv;
mod no_leader;
mod node;
mod options;
mod path;
mod refused;
mod reply;
mod session;
mod status;
mod txn;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header, request};

pub use no_leader::{HOLD, no_leader};

use ask::Ask;
use endpoints::{Endpoint, Found};
use path::PathError;
use reply::{Answer, Reply};

use super::go::Query;
use super::http::RequestTarget;
use super::list_cache::ListCache;
use super::server::Stopping;
use super::{go, gzip};
use crate::model::Caller;
use crate::space::Keyspace;

/// What the face works on.
#[derive(Clone, Debug)]
pub struct Consul {
    /// The keyspace it shows.
    pub space: Keyspace,
    /// Turned on when parked polls are to be answered.
    pub stopping: Stopping,
    /// The name of the one node there is, which sessions belong to: the host's name, as a rule.
    pub node: String,
    /// The name of the one datacenter there is; `dc1` where nothing else is wanted, as Consul has it.
    pub datacenter: String,
}

/// The face as it serves.
#[derive(Debug)]
struct Face {
    consul: Consul,
    /// Its long lists, encoded.
    kept: ListCache,
    /// The index of every list of the catalog and of health: the revision the keyspace was opened at.
    catalog_index: u64,
}

/// The face, to be served by `face::http`, which tells it both ends of each connection.
pub fn router(face: Consul) -> Router {
    let opened_at = face.space.read(&Caller::System).revision();
    let face = Face {
        consul: face,
        kept: ListCache::default(),
        catalog_index: opened_at.max(node::LOWEST_INDEX),
    };
    Router::new().fallback(handle).with_state(Arc::new(face))
}

async fn handle(State(face): State<Arc<Face>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let compressed = gzip::accepted(&parts.headers);
    let target = RequestTarget::of(&parts.extensions, &parts.uri);
    let path = match path::read(&target.path) {
        Ok(path) => path,
        Err(PathError::NotPrintable) => return plain(Reply::empty(StatusCode::BAD_REQUEST)).await,
        // Go's server says it, before Consul sees anything.
        Err(PathError::BadEscape) => {
            let close = HeaderValue::from_static("close");
            let reply = Reply::bad_request("400 Bad Request");
            return plain(reply.header(header::CONNECTION, close)).await;
        }
        Err(PathError::Dots(path)) => {
            return match go::redirect_to_clean(&parts.method, &path, target.query.as_deref()) {
                Some(redirect) => redirect,
                None => plain(refused::dots()).await,
            };
        }
    };
    // A CONNECT to a host, which is nothing here.
    if target.path.is_empty() {
        return plain(refused::no_page()).await;
    }
    if path == b"/" {
        return plain(Reply::text(StatusCode::OK, "Consul Agent")).await;
    }
    let Some(found) = endpoints::find(&path) else {
        return plain(Reply::empty(StatusCode::NOT_FOUND)).await;
    };
    let reply = answer(&face, found, &parts, &target, body).await;
    let mut response = reply.into_response(compressed).await;
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().insert(header::VARY, vary);
    response
}

/// An answer that no endpoint gave: never compressed.
async fn plain(reply: Reply) -> Response {
    reply.into_response(false).await
}

async fn answer(
    face: &Face,
    found: Found<'_>,
    parts: &request::Parts,
    target: &RequestTarget,
    body: Body,
) -> Reply {
    let Ok(query) = Query::parse(target.query()) else {
        // Consul logs the reason and says nothing.
        return Reply::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if !found.methods.is_empty() {
        if parts.method == Method::OPTIONS {
            return Reply::empty(StatusCode::OK).header(header::ALLOW, allow(found.methods));
        }
        if !found.methods.contains(&parts.method.as_str()) {
            let words = format!("method {} not allowed", parts.method);
            return Reply::text(StatusCode::METHOD_NOT_ALLOWED, words)
                .header(header::ALLOW, allow(found.methods));
        }
    }
    let pretty = query.has("pretty");
    let ask = Ask::new(face, parts, found.rest, query);
    let reply = dispatch(&ask, found, &parts.method, body)
        .await
        .unwrap_or_else(|refusal| refusal);
    if pretty { reply.pretty() } else { reply }
}

async fn dispatch(ask: &Ask<'_>, found: Found<'_>, method: &Method, body: Body) -> Answer {
    match found.endpoint {
        Endpoint::Kv => kv::handle(ask, method, body).await,
        Endpoint::Txn => txn::handle(ask, body).await,
        Endpoint::SessionCreate => session::create(ask, body).await,
        Endpoint::SessionDestroy => session::destroy(ask).await,
        Endpoint::SessionRenew => session::renew(ask),
        Endpoint::SessionInfo => session::info(ask).await,
        Endpoint::SessionNode => session::node(ask).await,
        Endpoint::SessionList => session::list(ask).await,
        Endpoint::AgentSelf => Ok(agent::own(ask)),
        Endpoint::AgentMembers => Ok(agent::members(ask)),
        Endpoint::AgentChecks => agent::checks(ask),
        Endpoint::AgentServices => agent::services(ask),
        Endpoint::StatusLeader => status::leader(ask),
        Endpoint::StatusPeers => status::peers(ask),
        Endpoint::Datacenters => catalog::datacenters(ask),
        Endpoint::Nodes => catalog::nodes(ask).await,
        Endpoint::Node => catalog::node(ask).await,
        Endpoint::Services => catalog::services(ask).await,
        Endpoint::Service => catalog::service(ask).await,
        Endpoint::HealthNode => health::node(ask).await,
        Endpoint::HealthState => health::state(ask).await,
        Endpoint::HealthChecks => health::checks(ask).await,
        Endpoint::HealthService => health::service(ask).await,
        Endpoint::Acl => Err(refused::acl()),
        Endpoint::Refused => Err(refused::endpoint(found.pattern)),
    }
}

fn allow(methods: &[&str]) -> HeaderValue {
    let all = format!("OPTIONS,{}", methods.join(","));
    HeaderValue::from_str(&all).unwrap_or_else(|_| HeaderValue::from_static("OPTIONS"))
}

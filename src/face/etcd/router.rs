//! Router: takes a request apart, checks its path as etcd does, and calls the operation.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;

use super::face::{Etcd, Face};
use super::reply::Reply;
use super::request::ApiRequest;
use super::route::{Endpoint, Route};
use super::{auth, commit_error, health, keys, members, stats, unsupported, version};
use crate::face::authentication::Authorization;
use crate::face::go::{self, BadEscape};
use crate::face::http::RequestTarget;
use crate::face::{authentication, caller};
use crate::model::{Caller, FaceName};
use crate::space::{Login, RequestSecrets};

/// The router of a face with these settings. Requests are expected to carry a
/// [`Connection`](crate::face::server::Connection), as the server gives them.
pub fn router(settings: Etcd) -> Router {
    Router::new()
        .fallback(serve)
        .with_state(Arc::new(Face::new(settings)))
}

async fn serve(State(face): State<Arc<Face>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if unsupported::is_grpc(&parts.headers) {
        return unsupported::v3().into_response();
    }
    let target = RequestTarget::of(&parts.extensions, &parts.uri);
    let path = match go::decode_path(&target.path) {
        Ok(path) if go::has_dot_segments(&path) => {
            let redirect = go::redirect_to_clean(&parts.method, &path, target.query.as_deref());
            return redirect.unwrap_or_else(|| unsupported::dots().into_response());
        }
        Ok(path) => go::collapse_slashes(&path),
        Err(BadEscape) => return Reply::bad_request().into_response(),
    };
    // A CONNECT that names a host has no path: there is no such page.
    if target.path.is_empty() {
        return Reply::not_found().into_response();
    }
    let Some(route) = Route::of(&path) else {
        return Reply::not_found().into_response();
    };
    let caller = match authenticate(&face, route, &parts).await {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(),
    };
    let request = ApiRequest::new(&face, caller, &parts, route.rest, target.query());
    dispatch(&request, route, body)
        .await
        .unwrap_or_else(|refused| refused)
        .into_response()
}

/// The caller with what its request shows, where the endpoint asks for rights: what concerns the cluster and no key, etcd
/// answers to everybody. etcd takes every other `Authorization` than that of a user for a wrong one; here it may be that of a
/// `ServiceAccount` too.
async fn authenticate(face: &Face, route: Route<'_>, parts: &Parts) -> Result<Caller, Reply> {
    let caller = caller::of(FaceName::Etcd2, &parts.extensions);
    if !matches!(route.endpoint, Endpoint::Keys | Endpoint::Auth) {
        return Ok(caller);
    }
    let mut shown = RequestSecrets::default();
    match Authorization::of(&parts.headers) {
        Authorization::None => {}
        Authorization::Basic(login) => shown.login = Some(login),
        Authorization::Bearer(token) => shown.account_token = Some(token),
        Authorization::Other => shown.login = Some(Login::Unreadable),
    }
    let caller = (caller, &parts.extensions);
    let authenticated = authentication::authenticate(&face.space, caller, shown).await;
    authenticated.map_err(|why| {
        let refused = commit_error::not_authenticated(why);
        refused.cluster(&face.cluster_id())
    })
}

async fn dispatch(request: &ApiRequest<'_>, route: Route<'_>, body: Body) -> Result<Reply, Reply> {
    match route.endpoint {
        Endpoint::Keys => keys::serve(request, body).await,
        Endpoint::Members => members::member_list::serve(request),
        Endpoint::Machines => members::machines::serve(&request.face.advertise, request.parts),
        Endpoint::StatsSelf => stats::stats_self::serve(request),
        Endpoint::StatsStore => stats::store::serve(request),
        Endpoint::StatsLeader => stats::leader::serve(request),
        Endpoint::Auth => auth::serve(request),
        Endpoint::Version => version::serve(&request.parts.method),
        Endpoint::Health => health::serve(&request.parts.method),
        Endpoint::V3 => Err(unsupported::v3()),
    }
}

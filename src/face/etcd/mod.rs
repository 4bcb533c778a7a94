//! etcd's API, version 2, as etcd 3.4 serves it with `--enable-v2`.
//!
//! `keys` holds the key/value API, one operation a file; the files here are the small questions around it. What is not
//! served is refused by name (`refused`). Trees, parents and expiry are the keyspace's (`space::tree`).

mod auth;
mod chunks;
mod error;
mod form;
mod health;
mod keys;
mod machines;
mod media_type;
mod members;
mod no_leader;
mod refused;
mod reply;
mod route;
mod stats;
mod version;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use http::{Request, Response};

pub use self::keys::PATIENCE as HOLD;
pub use self::no_leader::no_leader;

use self::route::Route;
use self::stats::Counters;
use super::gopath::{self, BadEscape};
use super::http::{Connection, Stopping, Target};
use super::list_cache::ListCache;
use crate::model::time;
use crate::space::Keyspace;

/// What the face needs.
#[derive(Debug)]
pub struct Etcd {
    /// Where everything is kept.
    pub space: Keyspace,
    /// Parked polls end when the gateway is stopping.
    pub stopping: Stopping,
    /// The addresses `/v2/members` and `/v2/machines` name, as `http://host:port`. Where there are none, they name the
    /// address the client came by, which it can surely reach: Docker's client replaces what it was given by what it
    /// reads there.
    pub advertise: Vec<String>,
}

/// The face as it serves.
#[derive(Debug)]
struct Face {
    space: Keyspace,
    stopping: Stopping,
    advertise: Vec<String>,
    counters: Counters,
    /// Its directories, encoded.
    kept: ListCache,
    /// When it began to serve, in milliseconds since 1970.
    started_ms: i64,
}

impl Face {
    /// The id of the cluster in `X-Etcd-Cluster-Id`, which clients compare: one store, one id.
    fn cluster_id(&self) -> String {
        format!("{:x}", self.space.identity())
    }

    /// The id of the one member.
    fn member_id(&self) -> String {
        format!("{:x}", self.space.identity().rotate_left(32))
    }
}

pub use self::refused::NO_GRPC;

/// The name of the one member, and its address for other members: those of an etcd that was told nothing of either.
/// Clients print them, and some read the first peer URL unasked; nobody listens there, as gateways speak no raft.
const MEMBER_NAME: &str = "default";
const PEER_URL: &str = "http://localhost:2380";

/// Serves the whole API. Requests are expected to carry a [`Connection`], as `face::http` gives them.
pub fn router(face: Etcd) -> Router {
    let Etcd {
        space,
        stopping,
        advertise,
    } = face;
    let face = Face {
        space,
        stopping,
        advertise,
        counters: Counters::default(),
        kept: ListCache::default(),
        started_ms: time::unix_ms(),
    };
    Router::new().fallback(serve).with_state(Arc::new(face))
}

/// Answers one request.
async fn serve(State(face): State<Arc<Face>>, request: Request<Body>) -> Response<Body> {
    if refused::is_grpc(request.headers()) {
        return refused::v3();
    }
    let target = Target::of(request.extensions(), request.uri());
    let path = match gopath::decode(&target.path) {
        Ok(path) if gopath::has_dots(&path) => {
            let redirect = gopath::redirect(request.method(), &path, target.query.as_deref());
            return redirect.unwrap_or_else(refused::dots);
        }
        Ok(path) => gopath::collapse(&path),
        Err(BadEscape) => return reply::bad_request(),
    };
    // A CONNECT to a host, which is nothing here.
    if target.path.is_empty() {
        return reply::not_found();
    }
    match Route::of(&path) {
        Route::Keys(key) => keys::serve(&face, key, request).await,
        Route::Members(which) => members::serve(&face, which, &request),
        Route::Machines => machines::serve(&face.advertise, &request),
        Route::StatsSelf => stats::serve_self(&face, request.method()),
        Route::StatsStore => stats::serve_store(&face, request.method()),
        Route::StatsLeader => stats::serve_leader(&face, request.method()),
        Route::Auth(what) => auth::serve(&face, what, request.method()),
        Route::Version => version::serve(request.method()),
        Route::Health => health::serve(request.method()),
        Route::V3 => refused::v3(),
        Route::Unknown => reply::not_found(),
    }
}

/// The two ends of the connection a request came by.
fn connection(request: &Request<Body>) -> Connection {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    request.extensions().get().copied().unwrap_or(Connection {
        peer: nowhere,
        local: nowhere,
    })
}

//! Faces under test: a keyspace in memory, and a face served on a port of its own.

use std::net::SocketAddr;
use std::sync::Arc;

use kubekv::face::consul::{self, Consul};
use kubekv::face::etcd::{self, Etcd};
use kubekv::face::http::{HttpLimits, HttpProtocol};
use kubekv::face::server::{ConnectionPermits, LeadershipCheck, Server, ServerMetrics, Stopping};
use kubekv::guard::{self, Bounds, DockerGuard, DockerGuardMode};
use kubekv::space::Keyspace;
use kubekv::store::{MemoryStore, Store};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// A keyspace in memory.
pub async fn space() -> Keyspace {
    let store = Arc::new(MemoryStore::new());
    let admit = Arc::new(Bounds::new(store.limits()));
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    opened.unwrap().0
}

/// A keyspace in memory whose records of Docker's are guarded, and the guard.
pub async fn guarded_space() -> (Keyspace, Arc<DockerGuard>) {
    let store = Arc::new(MemoryStore::new());
    let bounds = Arc::new(Bounds::new(store.limits()));
    let guard = DockerGuard::new(DockerGuardMode::Enforce, &mut Registry::default());
    let admit = guard::with_docker(bounds, Some(&guard), None);
    let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
    (opened.unwrap().0, guard)
}

/// Serves a face on loopback; it stops when the sender is dropped or set.
pub async fn start(
    face: impl FnOnce(Stopping) -> axum::Router,
) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    let stopping = Stopping::new(stopping);
    let face = face(stopping.clone());
    let permits = ConnectionPermits::new(1000);
    let leadership = LeadershipCheck::default();
    let server = Server::new("test", permits, ServerMetrics::default(), leadership);
    let http = Arc::new(HttpProtocol::new(face, HttpLimits::default()));
    tokio::spawn(server.serve(listener, http, stopping));
    (address, stop)
}

/// Both faces of one keyspace; they stop when this is dropped.
#[derive(Debug)]
pub struct BothFaces {
    /// Where Consul's listens.
    pub consul: SocketAddr,
    /// Where etcd's listens.
    pub etcd: SocketAddr,
    _stop: [watch::Sender<bool>; 2],
}

/// Serves both faces of a new keyspace.
pub async fn both() -> BothFaces {
    both_of(space().await).await
}

/// Serves both faces of a keyspace.
pub async fn both_of(space: Keyspace) -> BothFaces {
    let (etcd, stop_etcd) = start(|stopping| {
        etcd::router(Etcd {
            space: space.clone(),
            stopping,
            advertise: Vec::new(),
            fairness: kubekv::fairness::Fairness::default(),
        })
    })
    .await;
    let (consul, stop_consul) = start(|stopping| {
        consul::router(Consul {
            space,
            stopping,
            node: "node".to_owned(),
            datacenter: "dc1".to_owned(),
            fairness: kubekv::fairness::Fairness::default(),
        })
    })
    .await;
    BothFaces {
        consul,
        etcd,
        _stop: [stop_etcd, stop_consul],
    }
}

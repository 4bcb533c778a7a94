//! The face on a keyspace of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use kubekv::face::server::{ConnectionPermits, LeadershipCheck, Server, ServerMetrics, Stopping};
use kubekv::face::zookeeper::{DockerAnswers, ZooKeeper, ZooKeeperProtocol};
use kubekv::fairness::{Fairness, MemoryLimits};
use kubekv::guard::Bounds;
use kubekv::space::Keyspace;
use kubekv::store::embedded::{EmbeddedOptions, EmbeddedStore};
use kubekv::store::{MemoryStore, Store};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// `super:secret`, hashed.
pub(crate) const SUPER: &str = "super:lK75jTNcA+U9vtVEw5vB51mj/w4=";

/// A face that serves a keyspace until this is dropped.
pub(crate) struct Face {
    pub(crate) address: SocketAddr,
    pub(crate) space: Keyspace,
    pub(crate) registry: Registry,
    _stop: watch::Sender<bool>,
    expiry: JoinHandle<()>,
}

impl Face {
    /// In memory.
    pub(crate) async fn in_memory() -> Self {
        Self::over(Arc::new(MemoryStore::new())).await
    }

    /// On disk, where changes are accepted before they are durable.
    pub(crate) async fn on_disk(path: &Path) -> Self {
        let on_fatal = Arc::new(|why: String| panic!("{why}"));
        let options = EmbeddedOptions::new(path, on_fatal);
        Self::over(Arc::new(EmbeddedStore::new(options))).await
    }

    /// In memory, with so much for what clients share.
    pub(crate) async fn with_limits(limits: MemoryLimits) -> Self {
        Self::sharing(Arc::new(MemoryStore::new()), Fairness::new(limits)).await
    }

    /// On a store of the test's.
    pub(crate) async fn over(store: Arc<dyn Store>) -> Self {
        Self::sharing(store, Fairness::default()).await
    }

    async fn sharing(store: Arc<dyn Store>, fairness: Fairness) -> Self {
        let admit = Arc::new(Bounds::new(store.limits()));
        let opened = Keyspace::open(store, admit, &mut Registry::default()).await;
        let (space, expiry) = opened.unwrap();
        let mut registry = Registry::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let stopping = Stopping::new(stopping);
        let zookeeper = ZooKeeper {
            space: space.clone(),
            fairness,
            super_digest: Some(SUPER.to_owned()),
            words: "*".parse().unwrap(),
            docker: DockerAnswers::Recognized,
        };
        let protocol = Arc::new(ZooKeeperProtocol::new(zookeeper, stopping.clone()));
        let server = Server::new(
            "test",
            ConnectionPermits::new(1_000),
            ServerMetrics::register(&mut registry),
            LeadershipCheck::default(),
        );
        tokio::spawn(server.serve(listener, protocol, stopping));
        Self {
            address,
            space,
            registry,
            _stop: stop,
            expiry,
        }
    }

    /// Ends it, and gives the disk back.
    pub(crate) async fn close(self) {
        self.expiry.abort();
        self.space.close().await;
    }
}

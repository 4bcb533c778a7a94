//! A server over TLS with a small face.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::routing::get;
use axum::{Extension, Router};
use kubekv::face::http::{HttpLimits, HttpProtocol};
use kubekv::face::server::{
    Arrival, Connection, ConnectionPermits, LeadershipCheck, Server, ServerMetrics, Stopping,
};
use kubekv::tls::{CertificateFiles, ClientFiles, HandshakeBounds, ServerTls, TlsMetrics};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use support::metrics::registered;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::authority::{Authority, Issued};
use crate::harness::wait_for;

/// How many connections a server takes.
pub(crate) const PERMITS: usize = 10;

/// The files of a face in a directory of its own.
pub(crate) struct Files {
    directory: TempDir,
    pub(crate) required: bool,
    pub(crate) lists: bool,
}

impl Files {
    /// With a server's certificate; clients need none.
    pub(crate) fn new(server: &Issued) -> Self {
        let own = Self {
            directory: tempfile::tempdir().unwrap(),
            required: false,
            lists: false,
        };
        own.write("tls.crt", server.pem());
        own.write("tls.key", server.key_pem());
        own
    }

    /// The same; clients show a certificate of one of these authorities.
    pub(crate) fn requiring(mut self, authorities: &[&Authority]) -> Self {
        self.trust(authorities);
        self.required = true;
        self
    }

    pub(crate) fn trust(&self, authorities: &[&Authority]) {
        let bundle: String = authorities.iter().map(|one| one.pem()).collect();
        self.write("ca.crt", &bundle);
    }

    /// Replaces a file in one step.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let fresh = self.path("fresh");
        std::fs::write(&fresh, content).unwrap();
        std::fs::rename(fresh, self.path(name)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn at(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn options(&self) -> CertificateFiles {
        let authorities = self.path("ca.crt");
        let lists = self.lists.then(|| self.path("revoked.crl"));
        CertificateFiles {
            certificate: self.path("tls.crt"),
            key: self.path("tls.key"),
            clients: authorities.exists().then(|| ClientFiles {
                authorities,
                revoked: lists.into_iter().collect(),
                required: self.required,
            }),
        }
    }
}

/// TLS with these files, which counts into a registry.
pub(crate) fn tls(files: &Files, registry: &mut Registry) -> ServerTls {
    let bounds = HandshakeBounds::new(2, TlsMetrics::register(registry));
    ServerTls::load("test", files.options(), &[b"http/1.1"], bounds).unwrap()
}

/// A server that runs.
pub(crate) struct Secured {
    pub(crate) address: SocketAddr,
    pub(crate) arrivals: mpsc::Sender<Arrival>,
    /// The connection of the last request for `/who`.
    pub(crate) who: Arc<Mutex<Option<Connection>>>,
    pub(crate) registry: Registry,
    _stop: watch::Sender<bool>,
}

impl Secured {
    pub(crate) async fn start(files: &Files) -> Self {
        let mut registry = Registry::default();
        let tls = tls(files, &mut registry);
        tokio::spawn(tls.clone().follow_files());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = ServerMetrics::register(&mut registry);
        let (stop, switch) = watch::channel(false);
        let who = Arc::default();
        let permits = ConnectionPermits::new(PERMITS);
        let server = Server::new("test", permits, metrics, LeadershipCheck::default());
        let (arrivals, relayed) = mpsc::channel(1);
        tokio::spawn(server.with_tls(Some(tls)).serve_also(
            listener,
            relayed,
            Arc::new(HttpProtocol::new(face(&who), limits())),
            Stopping::new(switch),
        ));
        Self {
            address,
            arrivals,
            who,
            registry,
            _stop: stop,
        }
    }

    /// How many handshakes ended so.
    pub(crate) fn handshakes(&self, outcome: &str) -> u64 {
        registered(&self.registry, &handshakes(outcome))
    }

    pub(crate) async fn wait_for_handshakes(&self, outcome: &str, count: u64) {
        wait_for(&self.registry, &handshakes(outcome), count).await;
    }

    /// Waits until changed files are in use, or refused.
    pub(crate) async fn wait_for_reloads(&self, outcome: &str, count: u64) {
        let name = format!("tls_reloads_total{{face=\"test\",outcome=\"{outcome}\"}}");
        wait_for(&self.registry, &name, count).await;
    }
}

fn handshakes(outcome: &str) -> String {
    format!("tls_handshakes_total{{face=\"test\",outcome=\"{outcome}\"}}")
}

pub(crate) fn limits() -> HttpLimits {
    HttpLimits {
        half_closed: Duration::from_millis(10),
        ..HttpLimits::default()
    }
}

pub(crate) fn face(who: &Arc<Mutex<Option<Connection>>>) -> Router {
    let who = Arc::clone(who);
    Router::new()
        .route("/", get(|| async { "ok" }))
        .route("/long", get(|| async { vec![b'x'; 32 << 10] }))
        .route("/parked", get(std::future::pending::<&'static str>))
        .route(
            "/who",
            get(
                move |Extension(connection): Extension<Connection>| async move {
                    let name = connection
                        .client_certificate()
                        .and_then(|shown| shown.common_names.first().cloned());
                    *who.lock() = Some(connection);
                    name.unwrap_or_default()
                },
            ),
        )
}

//! The loop that accepts connections, and what it holds.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::answer::Date;
use super::backoff::Backoff;
use super::metrics::Face;
use super::{Arrival, Connection, Leads, Limits, Metrics, Stopping, connection};

/// After how long without traffic, and how often then, a connection is asked whether its other side still lives;
/// 15 s as Go's servers do.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What the connections of a server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: &'static str,
    pub(super) limits: Limits,
    pub(super) metrics: Metrics,
    pub(super) leads: Leads,
    /// Permits for long heads.
    pub(super) long_heads: Arc<Semaphore>,
    /// What gRPC's clients are told, where they are told anything.
    pub(super) no_grpc: Option<&'static str>,
    /// Whether the log says so already.
    pub(super) grpc_told: AtomicBool,
    pub(super) date: Date,
}

/// Serves one face on one listener.
#[derive(Clone, Debug)]
pub struct Server {
    shared: Arc<Shared>,
    places: Arc<Semaphore>,
}

impl Server {
    /// A server of this name in metrics and logs. `places` is how many connections may be open; servers may share it.
    pub fn new(
        name: &'static str,
        limits: Limits,
        places: Arc<Semaphore>,
        metrics: Metrics,
        leads: Leads,
    ) -> Self {
        let shared = Arc::new(Shared {
            name,
            limits,
            metrics,
            leads,
            long_heads: Arc::new(Semaphore::new(limits.long_heads)),
            no_grpc: None,
            grpc_told: AtomicBool::new(false),
            date: Date::default(),
        });
        Self { shared, places }
    }

    /// The same, which tells clients of gRPC this sentence; others are told that there is no HTTP/2.
    #[must_use]
    pub fn refusing_grpc(mut self, sentence: &'static str) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.no_grpc = Some(sentence);
        }
        self
    }

    /// Accepts connections until the gateway is stopping. Returns when none is left: requests in flight then have
    /// [`Limits::drain`] to end.
    pub async fn serve(self, listener: TcpListener, face: Router, stopping: Stopping) {
        let (_none, arrivals) = mpsc::channel(1);
        self.serve_also(listener, arrivals, face, stopping).await;
    }

    /// As [`Server::serve`], and takes connections that arrive otherwise.
    pub async fn serve_also(
        self,
        listener: TcpListener,
        mut arrivals: mpsc::Receiver<Arrival>,
        face: Router,
        stopping: Stopping,
    ) {
        let mut connections = JoinSet::new();
        let mut backoff = Backoff::default();
        let mut stopped = pin!(stopping.wait());
        loop {
            let accepted = tokio::select! {
                () = stopped.as_mut() => break,
                Some(ended) = connections.join_next() => {
                    self.note(ended);
                    continue;
                }
                Some(arrival) = arrivals.recv() => {
                    self.admit(&mut connections, arrival, &face, &stopping);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    backoff.reset();
                    match prepare(&stream) {
                        Ok(local) => {
                            let arrival = Arrival::direct(stream, Connection { peer, local });
                            self.admit(&mut connections, arrival, &face, &stopping);
                        }
                        // It is gone already.
                        Err(error) => tracing::debug!(%peer, %error, "connection broken"),
                    }
                }
                Err(error) => {
                    self.count_accept_error(&error);
                    tokio::time::sleep(backoff.next()).await;
                }
            }
        }
        drop(listener);
        self.drain(connections).await;
    }

    /// Serves one connection, whose place the caller holds, to its end.
    pub async fn serve_one(&self, arrival: Arrival, face: Router, stopping: Stopping) {
        connection::serve(Arc::clone(&self.shared), arrival, face, stopping).await;
    }

    /// Takes a connection on, or closes it where there is no place for it.
    fn admit(
        &self,
        connections: &mut JoinSet<()>,
        arrival: Arrival,
        face: &Router,
        stopping: &Stopping,
    ) {
        let (name, peer) = (self.shared.name, arrival.ends.peer);
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let refused = &self.shared.metrics.refused;
            refused.get_or_create(&Face { face: name }).inc();
            tracing::warn!(face = name, %peer, "connection refused: too many are open");
            return;
        };
        let open = Open::new(Arc::clone(&self.shared), place);
        let (shared, face) = (Arc::clone(&self.shared), face.clone());
        let serve = connection::serve(shared, arrival, face, stopping.clone());
        connections.spawn(async move {
            serve.await;
            drop(open);
        });
    }

    fn count_accept_error(&self, error: &io::Error) {
        let face = self.shared.name;
        let errors = &self.shared.metrics.accept_errors;
        errors.get_or_create(&Face { face }).inc();
        tracing::warn!(face, %error, "cannot accept a connection");
    }

    /// Notes how a connection's task ended: a panic costs its connection and nothing else, but never unseen.
    fn note(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            let face = self.shared.name;
            let panics = &self.shared.metrics.panics;
            panics.get_or_create(&Face { face }).inc();
            tracing::error!(face, "a request failed by a mistake in this program");
        }
    }

    async fn drain(&self, mut connections: JoinSet<()>) {
        let all_ended = async {
            while let Some(ended) = connections.join_next().await {
                self.note(ended);
            }
        };
        let limit = self.shared.limits.drain;
        if tokio::time::timeout(limit, all_ended).await.is_err() {
            let (face, left) = (self.shared.name, connections.len());
            tracing::warn!(face, left, "connections closed with requests in flight");
            connections.shutdown().await;
        }
    }
}

/// Sets up a new connection; says at which address it came in.
pub fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    stream.local_addr()
}

/// Counts a connection while it is open.
#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    _place: OwnedSemaphorePermit,
}

impl Open {
    fn new(shared: Arc<Shared>, place: OwnedSemaphorePermit) -> Self {
        let face = shared.name;
        let connections = &shared.metrics.connections;
        connections.get_or_create(&Face { face }).inc();
        Self {
            shared,
            _place: place,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let face = self.shared.name;
        let connections = &self.shared.metrics.connections;
        connections.get_or_create(&Face { face }).dec();
    }
}

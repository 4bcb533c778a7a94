//! Accept loop: takes connections, up to the permits there are, and has a protocol serve each; drains them at the end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{JoinError, JoinSet};

use super::arrival::Arrival;
use super::backoff::AcceptBackoff;
use super::connection::Connection;
use super::context::ServerContext;
use super::leadership::LeadershipCheck;
use super::metrics::{FaceLabel, Metrics};
use super::protocol::Protocol;
use super::socket::configure_socket;
use super::stopping::Stopping;

/// How long requests in flight may go on when the gateway is stopping.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves one face on one listener.
#[derive(Clone, Debug)]
pub struct Server {
    context: Arc<ServerContext>,
    permits: Arc<Semaphore>,
    drain: Duration,
}

impl Server {
    /// A server with this name in metrics and logs. `permits` limits the open connections; several servers may share it.
    pub fn new(
        face: &'static str,
        permits: Arc<Semaphore>,
        metrics: Metrics,
        leadership: LeadershipCheck,
    ) -> Self {
        let context = Arc::new(ServerContext {
            face,
            metrics,
            leadership,
        });
        Self {
            context,
            permits,
            drain: DRAIN,
        }
    }

    /// The same with another limit to how long requests in flight may go on when the gateway is stopping.
    #[must_use]
    pub fn with_drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Accepts connections until the gateway is stopping. Returns when all have ended: those with requests in flight have
    /// the limit of the drain for it, and are closed then.
    pub async fn serve(
        self,
        listener: TcpListener,
        protocol: Arc<dyn Protocol>,
        stopping: Stopping,
    ) {
        let (_none, arrivals) = mpsc::channel(1);
        self.serve_also(listener, arrivals, protocol, stopping)
            .await;
    }

    /// As [`Server::serve`], and serves connections from `arrivals`, too.
    pub async fn serve_also(
        self,
        listener: TcpListener,
        mut arrivals: mpsc::Receiver<Arrival>,
        protocol: Arc<dyn Protocol>,
        stopping: Stopping,
    ) {
        let mut connections = JoinSet::new();
        let mut backoff = AcceptBackoff::default();
        let mut stopped = pin!(stopping.wait());
        loop {
            let accepted = tokio::select! {
                () = stopped.as_mut() => break,
                Some(ended) = connections.join_next() => {
                    self.count_panic(ended);
                    continue;
                }
                Some(arrival) = arrivals.recv() => {
                    self.admit(&mut connections, arrival, &protocol, &stopping);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    backoff.reset();
                    match configure_socket(&stream) {
                        Ok(local) => {
                            let arrival = Arrival::direct(stream, Connection { peer, local });
                            self.admit(&mut connections, arrival, &protocol, &stopping);
                        }
                        // The client has closed it already.
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

    /// Serves one connection to its end; the caller holds its permit.
    pub async fn serve_one(
        &self,
        arrival: Arrival,
        protocol: Arc<dyn Protocol>,
        stopping: Stopping,
    ) {
        let context = Arc::clone(&self.context);
        protocol.serve(arrival, context, stopping).await;
    }

    /// Serves a connection in a task of its own, or closes it where no permit is left.
    fn admit(
        &self,
        connections: &mut JoinSet<()>,
        arrival: Arrival,
        protocol: &Arc<dyn Protocol>,
        stopping: &Stopping,
    ) {
        let (face, peer) = (self.context.face, arrival.ends.peer);
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let refused = &self.context.metrics.refused;
            refused.get_or_create(&FaceLabel { face }).inc();
            tracing::warn!(face, %peer, "connection refused: too many are open");
            return;
        };
        let open = OpenConnection::new(Arc::clone(&self.context), permit);
        let context = Arc::clone(&self.context);
        let serving = Arc::clone(protocol).serve(arrival, context, stopping.clone());
        connections.spawn(async move {
            serving.await;
            drop(open);
        });
    }

    fn count_accept_error(&self, error: &io::Error) {
        let face = self.context.face;
        let errors = &self.context.metrics.accept_errors;
        errors.get_or_create(&FaceLabel { face }).inc();
        tracing::warn!(face, %error, "cannot accept a connection; trying again");
    }

    /// Logs and counts the panic of a connection's task: it costs that connection and nothing else.
    fn count_panic(&self, ended: Result<(), JoinError>) {
        if ended.is_err_and(|error| error.is_panic()) {
            let face = self.context.face;
            let panics = &self.context.metrics.panics;
            panics.get_or_create(&FaceLabel { face }).inc();
            tracing::error!(
                face,
                "a request failed by a bug in kubekv, and its connection was closed; please report the panic above"
            );
        }
    }

    async fn drain(&self, mut connections: JoinSet<()>) {
        let all_ended = async {
            while let Some(ended) = connections.join_next().await {
                self.count_panic(ended);
            }
        };
        if tokio::time::timeout(self.drain, all_ended).await.is_err() {
            let (face, left) = (self.context.face, connections.len());
            tracing::warn!(
                face,
                left,
                "connections closed with requests in flight: they did not end within the time to drain"
            );
            connections.shutdown().await;
        }
    }
}

/// Counts a connection while it is open, and holds its permit.
#[derive(Debug)]
struct OpenConnection {
    context: Arc<ServerContext>,
    _permit: OwnedSemaphorePermit,
}

impl OpenConnection {
    fn new(context: Arc<ServerContext>, permit: OwnedSemaphorePermit) -> Self {
        let label = FaceLabel { face: context.face };
        context.metrics.connections.get_or_create(&label).inc();
        Self {
            context,
            _permit: permit,
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let face = self.context.face;
        let connections = &self.context.metrics.connections;
        connections.get_or_create(&FaceLabel { face }).dec();
    }
}

//! Accept loop: takes connections, up to the permits there are, and has a protocol serve each; drains them at the end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use super::arrival::Arrival;
use super::backoff::AcceptBackoff;
use super::connection::Connection;
use super::context::ServerContext;
use super::identities::ClientIdentities;
use super::leadership::LeadershipCheck;
use super::log_limit::{LogLimit, OmittedLines};
use super::metrics::{FaceLabel, RefusedLabels, ServerMetrics};
use super::permits::{ConnectionPermit, ConnectionPermits, TooMany};
use super::protocol::{Protocol, Serving};
use super::secured::SecuredServer;
use super::socket::configure_socket;
use super::stopping::Stopping;
use crate::guard::AuditLog;
use crate::tls::ServerTls;

/// How long requests in flight may go on when the gateway is stopping.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves one face on one listener.
#[derive(Clone, Debug)]
pub struct Server {
    context: Arc<ServerContext>,
    permits: ConnectionPermits,
    /// How many connections one client may have open over this face.
    most_per_client: Option<usize>,
    /// The TLS of its clients; `None` for plaintext.
    tls: Option<ServerTls>,
    audit: Option<Arc<AuditLog>>,
    identities: ClientIdentities,
    drain: Duration,
}

impl Server {
    /// A server with this name in metrics and logs. `permits` limits the open connections; several servers may share it.
    pub fn new(
        face: &'static str,
        permits: ConnectionPermits,
        metrics: ServerMetrics,
        leadership: LeadershipCheck,
    ) -> Self {
        let in_flight = metrics.in_flight.get_or_create(&FaceLabel { face }).clone();
        let context = Arc::new(ServerContext {
            face,
            metrics,
            in_flight,
            leadership,
        });
        Self {
            context,
            permits,
            most_per_client: None,
            tls: None,
            audit: None,
            identities: ClientIdentities::default(),
            drain: DRAIN,
        }
    }

    /// The same with a limit of the connections that one client's address may have open over this face.
    #[must_use]
    pub fn with_most_per_client(mut self, most: Option<usize>) -> Self {
        self.most_per_client = most;
        self
    }

    /// The same with TLS for its clients; without, they speak plaintext.
    #[must_use]
    pub fn with_tls(mut self, tls: Option<ServerTls>) -> Self {
        self.tls = tls;
        self
    }

    /// The same with a record of the certificates that its clients show, and of handshakes that are refused.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<Arc<AuditLog>>) -> Self {
        self.audit = audit;
        self
    }

    /// The same with what is done about the identities that its clients prove.
    #[must_use]
    pub fn with_identities(mut self, identities: ClientIdentities) -> Self {
        self.identities = identities;
        self
    }

    /// Whether its clients speak TLS.
    pub fn is_secured(&self) -> bool {
        self.tls.is_some()
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
                            let arrival =
                                Arrival::direct(stream, Connection::plaintext(peer, local));
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
        match self.secured() {
            None => protocol.serve(arrival, context, stopping).await,
            Some(tls) => {
                tls.serve(arrival, None, protocol, (context, stopping))
                    .await;
            }
        }
    }

    fn secured(&self) -> Option<SecuredServer> {
        Some(SecuredServer {
            tls: self.tls.clone()?,
            audit: self.audit.clone(),
            identities: self.identities.clone(),
        })
    }

    /// Serves a connection in a task of its own, or closes it where no permit is left.
    fn admit(
        &self,
        connections: &mut JoinSet<()>,
        mut arrival: Arrival,
        protocol: &Arc<dyn Protocol>,
        stopping: &Stopping,
    ) {
        let (face, peer) = (self.context.face, arrival.ends.peer);
        let permit = match self.permits.acquire(face, peer.ip(), self.most_per_client) {
            Ok(permit) => permit,
            Err(why) => return self.refuse(&arrival, protocol.as_ref(), why),
        };
        let (silent, must_give_way) = permit.silent();
        let open = OpenConnection::new(Arc::clone(&self.context), permit);
        let context = Arc::clone(&self.context);
        let (protocol, stopping) = (Arc::clone(protocol), stopping.clone());
        let serving: Serving = match self.secured() {
            None => {
                arrival.stream.until_heard(silent);
                protocol.serve(arrival, context, stopping)
            }
            Some(tls) => {
                let silent = Some(silent);
                Box::pin(tls.serve(arrival, silent, protocol, (context, stopping)))
            }
        };
        connections.spawn(async move {
            tokio::select! {
                biased;
                () = serving => {}
                () = given_way(must_give_way) => {
                    tracing::debug!(face, %peer, "a silent connection was closed for another client");
                }
            }
            drop(open);
        });
    }

    /// Closes a connection that gets no place; a client with too many gets that as an error, where its protocol has one.
    fn refuse(&self, arrival: &Arrival, protocol: &dyn Protocol, why: TooMany) {
        static LIMIT: LogLimit = LogLimit::new();
        let (face, peer) = (self.context.face, arrival.ends.peer);
        let labels = RefusedLabels {
            face,
            reason: why.label(),
        };
        self.context.metrics.refused.get_or_create(&labels).inc();
        if let (TooMany::OfClient { .. }, Some(words), false) =
            (why, protocol.too_many_connections(), self.is_secured())
        {
            arrival.stream.write_last(words);
        }
        if let Some(OmittedLines(left_out)) = LIMIT.permit(peer.ip()) {
            tracing::warn!(face, %peer, left_out, "connection refused: {why}");
        }
    }

    fn count_accept_error(&self, error: &io::Error) {
        let face = self.context.face;
        let errors = &self.context.metrics.accept_errors;
        errors.get_or_create(&FaceLabel { face }).inc();
        // Its backoff bounds the lines, too.
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

/// Returns when a connection has to give way; never once it has sent something.
async fn given_way(must_give_way: oneshot::Receiver<()>) {
    if must_give_way.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Counts a connection while it is open, and holds its permit.
#[derive(Debug)]
struct OpenConnection {
    context: Arc<ServerContext>,
    _permit: ConnectionPermit,
}

impl OpenConnection {
    fn new(context: Arc<ServerContext>, permit: ConnectionPermit) -> Self {
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

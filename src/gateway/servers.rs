//! Servers of a gateway: one for each face that listens, the relay listener, and the admin port.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::faces::{self, FaceRow};
use super::file_limit;
use super::relay::RelayListener;
use super::tls::GatewayTls;
use crate::config::{Config, ConnectionsPerAddress};
use crate::face::http::{AllowedHosts, HttpLimits, HttpProtocol};
use crate::face::server::{
    Arrival, ClientIdentities, ConnectionPermits, LeadershipCheck, Protocol, Server, ServerMetrics,
    Stopping,
};
use crate::guard::{AuditLog, PolicyInForce};
use crate::model::FaceName;

/// The connections of the admin port, with permits of its own: it answers when the faces are at their limit.
const ADMIN_CONNECTIONS: usize = 128;

/// How many connections from the relay, or from the time as a standby, may wait for a server.
const ARRIVALS: usize = 64;

/// The servers that run.
#[derive(Debug)]
pub(super) struct Servers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Takes connections for a face that its server did not accept itself.
    arrivals: HashMap<FaceName, mpsc::Sender<Arrival>>,
    /// Tasks that send waiting connections there.
    handovers: JoinSet<()>,
}

/// Makes servers that share their metrics and, the admin port apart, their connection permits.
#[derive(Clone, Debug)]
pub(super) struct ServerFactory {
    metrics: ServerMetrics,
    pub(super) permits: ConnectionPermits,
    pub(super) per_address: ConnectionsPerAddress,
    /// The names by which clients may address the gateway.
    hosts: AllowedHosts,
    tls: GatewayTls,
    audit: Option<Arc<AuditLog>>,
    identities: ClientIdentities,
}

impl ServerFactory {
    /// With permits for as many connections as the configuration says, or fewer where the limit of open files is lower.
    pub(super) fn new(
        registry: &mut Registry,
        config: &Config,
        tls: GatewayTls,
        audit: Option<Arc<AuditLog>>,
        policy: Option<Arc<PolicyInForce>>,
    ) -> Self {
        let connections = file_limit::connections(config.max_connections);
        Self {
            metrics: ServerMetrics::register(registry),
            permits: ConnectionPermits::new(connections),
            per_address: config.connections_per_address,
            hosts: faces::hosts(config),
            tls,
            audit,
            identities: ClientIdentities::new(policy, config.connections_per_identity),
        }
    }

    /// The server of a face.
    pub(super) fn server(&self, face: FaceName, leadership: LeadershipCheck) -> Server {
        let permits = self.permits.clone();
        let most = (faces::row(face).most_per_client)(&self.per_address);
        Server::new(face.as_str(), permits, self.metrics.clone(), leadership)
            .with_most_per_client(most)
            .with_tls(self.tls.of(face))
            .with_audit(self.audit.clone())
            .with_identities(self.identities.clone())
    }

    fn admin(&self) -> Server {
        let permits = ConnectionPermits::new(ADMIN_CONNECTIONS);
        let leadership = LeadershipCheck::default();
        let server = Server::new("admin", permits, self.metrics.clone(), leadership);
        server
            .with_tls(self.tls.admin.clone())
            .with_audit(self.audit.clone())
    }
}

impl Servers {
    pub(super) fn new() -> Self {
        Self {
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
            arrivals: HashMap::new(),
            handovers: JoinSet::new(),
        }
    }

    /// Turns on when these servers are to stop.
    pub(super) fn stopping(&self) -> Stopping {
        Stopping::new(self.stop.subscribe())
    }

    /// Serves a face.
    pub(super) fn serve_face(
        &mut self,
        face: &FaceRow,
        server: Server,
        listener: TcpListener,
        protocol: Arc<dyn Protocol>,
    ) {
        let (sender, arrivals) = mpsc::channel(ARRIVALS);
        self.arrivals.insert(face.name, sender);
        self.tasks
            .spawn(server.serve_also(listener, arrivals, protocol, self.stopping()));
    }

    /// Serves connections that were accepted while this gateway was a standby.
    pub(super) fn serve_waiting(&mut self, waiting: Vec<(FaceName, Vec<Arrival>)>) {
        for (face, connections) in waiting {
            let Some(arrivals) = self.arrivals.get(&face).cloned() else {
                continue;
            };
            self.handovers.spawn(async move {
                for connection in connections {
                    // A server that has ended logs why.
                    let _ended = arrivals.send(connection).await;
                }
            });
        }
    }

    /// Takes connections that other gateways relay.
    pub(super) fn serve_relayed(
        &mut self,
        listener: Option<TcpListener>,
        relay: impl FnOnce(HashMap<FaceName, mpsc::Sender<Arrival>>) -> RelayListener,
    ) {
        if let Some(listener) = listener {
            let relay = relay(self.arrivals.clone());
            self.tasks.spawn(relay.run(listener, self.stopping()));
        }
    }

    /// Serves the admin port, if it has a listener.
    pub(super) fn serve_admin(
        &mut self,
        factory: &ServerFactory,
        listener: Option<TcpListener>,
        router: Router,
    ) {
        if let Some(listener) = listener {
            let http = HttpProtocol::new(router, HttpLimits::default());
            let http = Arc::new(http.allowing_hosts(&factory.hosts));
            self.tasks
                .spawn(factory.admin().serve(listener, http, self.stopping()));
        }
    }

    /// Returns when a server ended although it was not stopped; never where there is no server.
    pub(super) async fn ended_early(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Stops accepting, and returns when the requests in flight have ended or the time to drain is over.
    pub(super) async fn drain(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a server ended by a bug in kubekv");
            }
        }
    }

    /// Closes everything at once.
    pub(super) async fn abort(mut self) {
        self.tasks.shutdown().await;
    }
}

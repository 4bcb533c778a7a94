//! The servers of a gateway: one for each face that listens, and the admin port.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::files;
use super::relay::RelayListener;
use crate::face::etcd::NO_GRPC;
use crate::face::http::{Arrival, Leads, Limits, Metrics, Server, Stopping};
use crate::model::FaceName;

/// How many connections the admin port takes: its own, so that a crowded gateway can still be looked at.
const ADMIN_CONNECTIONS: usize = 128;

/// How many connections that arrive otherwise may wait to be taken by a server.
const ARRIVALS: usize = 64;

/// Servers that run.
#[derive(Debug)]
pub(super) struct Servers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    /// Where to hand connections that a face did not accept itself.
    doors: HashMap<FaceName, mpsc::Sender<Arrival>>,
    /// What is being handed there.
    handing: JoinSet<()>,
}

/// What servers have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    metrics: Metrics,
    pub(super) places: Arc<Semaphore>,
}

impl Common {
    /// With room for so many connections, less where the process may not have as many files.
    pub(super) fn new(registry: &mut Registry, max_connections: usize) -> Self {
        Self {
            metrics: Metrics::register(registry),
            places: Arc::new(Semaphore::new(files::connections(max_connections))),
        }
    }

    pub(super) fn server(
        &self,
        name: &'static str,
        places: Arc<Semaphore>,
        leads: Leads,
    ) -> Server {
        Server::new(name, Limits::default(), places, self.metrics.clone(), leads)
    }
}

impl Servers {
    pub(super) fn new() -> Self {
        Self {
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
            doors: HashMap::new(),
            handing: JoinSet::new(),
        }
    }

    /// Turned on when these servers are to stop.
    pub(super) fn stopping(&self) -> Stopping {
        Stopping::new(self.stop.subscribe())
    }

    /// Serves a face, if it has a listener.
    pub(super) fn face(
        &mut self,
        name: FaceName,
        common: &Common,
        listener: Option<TcpListener>,
        router: Router,
        leads: Leads,
    ) {
        if let Some(listener) = listener {
            let mut server = common.server(name.as_str(), Arc::clone(&common.places), leads);
            if name == FaceName::Etcd2 {
                server = server.refusing_grpc(NO_GRPC);
            }
            let (door, arrivals) = mpsc::channel(ARRIVALS);
            self.doors.insert(name, door);
            self.tasks
                .spawn(server.serve_also(listener, arrivals, router, self.stopping()));
        }
    }

    /// Serves connections that were accepted before there was anybody to serve them.
    pub(super) fn take(&mut self, waiting: Vec<(FaceName, Vec<Arrival>)>) {
        for (face, arrivals) in waiting {
            let Some(door) = self.doors.get(&face).cloned() else {
                continue;
            };
            self.handing.spawn(async move {
                for arrival in arrivals {
                    // A server that is gone has its reasons.
                    let _gone = door.send(arrival).await;
                }
            });
        }
    }

    /// Takes connections that other gateways relay.
    pub(super) fn desk(
        &mut self,
        listener: Option<TcpListener>,
        desk: impl FnOnce(HashMap<FaceName, mpsc::Sender<Arrival>>) -> RelayListener,
    ) {
        if let Some(listener) = listener {
            let desk = desk(self.doors.clone());
            self.tasks.spawn(desk.run(listener, self.stopping()));
        }
    }

    /// Serves the admin port, if it has a listener.
    pub(super) fn admin(&mut self, common: &Common, listener: Option<TcpListener>, router: Router) {
        if let Some(listener) = listener {
            let places = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
            let server = common.server("admin", places, Leads::default());
            self.tasks
                .spawn(server.serve(listener, router, self.stopping()));
        }
    }

    /// Returns when a server ended though nobody stopped it; never where there is none.
    pub(super) async fn broken(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Stops accepting, lets requests in flight end, and returns when none is left.
    pub(super) async fn drain(mut self) {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a server ended by a mistake in this program");
            }
        }
    }

    /// Closes everything at once.
    pub(super) async fn abort(mut self) {
        self.tasks.shutdown().await;
    }
}

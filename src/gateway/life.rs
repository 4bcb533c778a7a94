//! A gateway from start to end.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::faces::{Common, Servers};
use super::listeners::Shared as Faces;
use super::stores::{Stores, Tenure};
use super::{Error, Listeners, Ports};
use crate::admin::{self, Health, Observed, Phase};
use crate::config::Config;
use crate::face::http::Leads;
use crate::face::{consul, etcd};
use crate::guard::Bounds;
use crate::model::FaceName;
use crate::space::Keyspace;

/// How long a store may take to close after it failed.
const CLOSE_FAILED: Duration = Duration::from_secs(2);

/// What a gateway has come to, told once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The store is open and requests are answered at these addresses.
    Ready(Ports),
    /// It accepts nothing any more and lets what is in flight end.
    Stopping,
}

/// Runs a gateway on bound listeners until `shutdown`: opens the store, serves, drains, closes the store.
///
/// Requests that come before the store is open wait in the listeners' queues. On shutdown parked polls are answered
/// and requests in flight have 10 seconds to end. Ends with an error where the store cannot be opened, or fails for
/// good. Must be called within a tokio runtime.
pub async fn run(
    config: Config,
    listeners: Listeners,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    run_telling(config, listeners, shutdown, |_| ()).await
}

/// As [`run`], and tells what the gateway has come to.
pub async fn run_telling(
    config: Config,
    listeners: Listeners,
    shutdown: impl Future<Output = ()>,
    tell: impl FnMut(Stage),
) -> Result<(), Error> {
    let ports = listeners
        .ports()
        .map_err(|error| Error::Fatal(format!("a listener has no address: {error}")))?;
    let mut registry = Registry::with_prefix("kubekv");
    let common = Common::new(&mut registry, config.max_connections);
    let health = Arc::new(Health::new(registry));
    let Listeners {
        consul,
        etcd,
        admin,
    } = listeners;
    let mut desk = Servers::new();
    desk.admin(&common, admin, admin::router(Arc::clone(&health)));
    let faces = Listeners {
        consul,
        etcd,
        admin: None,
    };
    let faces = faces.share().map_err(|error| listener_failed(&error))?;
    let gateway = Gateway {
        config,
        health,
        common,
        ports,
    };
    let outcome = gateway.live(faces, pin!(shutdown), tell).await;
    // Last of all: until here the admin port tells that the gateway drains.
    desk.drain().await;
    outcome
}

fn listener_failed(error: &std::io::Error) -> Error {
    Error::Fatal(format!("a listener has failed: {error}"))
}

/// A gateway whose admin port listens.
struct Gateway {
    config: Config,
    health: Arc<Health>,
    common: Common,
    ports: Ports,
}

/// Why a keyspace is not served any more.
enum Ended {
    /// The gateway was told to end.
    Told,
    /// Another gateway may lead.
    LeadLost,
    /// The gateway must end.
    Failed(String),
}

impl Gateway {
    async fn live(
        self,
        faces: Faces,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
        mut tell: impl FnMut(Stage),
    ) -> Result<(), Error> {
        let (on_fatal, mut fatal) = mpsc::channel(1);
        // Kept as a sender, so that a store without failures is not taken for one that failed.
        let mut stores = Stores::make(&self.config, on_fatal.clone()).await?;
        let mut faces = Some(faces);
        let mut unready = Some(self.ports);
        if stores.are_shared() {
            tokio::select! {
                () = stores.followed() => {}
                () = shutdown.as_mut() => return Ok(()),
            }
            self.health.enter(Phase::Standby);
            if let Some(ports) = unready.take() {
                tell(Stage::Ready(ports));
            }
        }
        loop {
            let mut tenure = tokio::select! {
                tenure = stores.next() => tenure,
                () = shutdown.as_mut() => return Ok(()),
            };
            let mut open = tokio::select! {
                opened = self.open(&tenure, faces.as_ref()) => opened?,
                () = shutdown.as_mut() => return Ok(()),
            };
            self.health.enter(Phase::Ready);
            if let Some(ports) = unready.take() {
                tell(Stage::Ready(ports));
            }
            let ended = tokio::select! {
                () = shutdown.as_mut() => Ended::Told,
                line = fatal.recv() => Ended::Failed(line.unwrap_or_default()),
                line = open.broken() => Ended::Failed(line.to_owned()),
                () = tenure.lost() => Ended::LeadLost,
            };
            if !matches!(ended, Ended::LeadLost) {
                self.health.enter(Phase::Draining);
                tell(Stage::Stopping);
                // Nobody else accepts what comes now.
                faces = None;
            }
            match ended {
                Ended::Told => {
                    open.drain().await;
                    tenure.release().await;
                    // What failed while it drained.
                    let failed = fatal.try_recv();
                    return failed.map_or(Ok(()), |line| Err(Error::Fatal(line)));
                }
                Ended::Failed(line) => {
                    open.abort().await;
                    return Err(Error::Fatal(line));
                }
                Ended::LeadLost => {
                    self.health.enter(Phase::Standby);
                    self.health.observe(None);
                    open.abort().await;
                }
            }
        }
    }

    /// Opens a keyspace over a store and serves it.
    async fn open(&self, tenure: &Tenure, faces: Option<&Faces>) -> Result<Open, Error> {
        let mut registry = Registry::with_prefix("kubekv");
        let store = Arc::clone(&tenure.store);
        let admit = Arc::new(Bounds::new(store.limits()));
        let (space, expiry) = Keyspace::open(store, admit, &mut registry).await?;
        let listeners = match faces {
            Some(faces) => faces.listeners().map_err(|error| listener_failed(&error))?,
            None => Listeners::default(),
        };
        let servers = serve(
            &self.config,
            &self.common,
            listeners,
            &space,
            &tenure.leads(),
        );
        self.health.observe(Some(Observed {
            registry,
            space: space.clone(),
        }));
        Ok(Open {
            space,
            expiry,
            servers,
        })
    }
}

/// A keyspace that is served.
struct Open {
    space: Keyspace,
    expiry: JoinHandle<()>,
    servers: Servers,
}

impl Open {
    /// Waits for what must not end before it is told to; says what did.
    async fn broken(&mut self) -> &'static str {
        tokio::select! {
            () = self.servers.broken() => "a server ended by a mistake in this program",
            _ended = &mut self.expiry => "expiry ended by a mistake in this program",
        }
    }

    /// Lets go of everything, in order.
    async fn drain(self) {
        self.servers.drain().await;
        // Leases that nobody can renew any more must not run out.
        self.expiry.abort();
        self.space.close().await;
    }

    /// Lets go of everything at once.
    async fn abort(self) {
        self.servers.abort().await;
        self.expiry.abort();
        let closed = tokio::time::timeout(CLOSE_FAILED, self.space.close()).await;
        if closed.is_err() {
            tracing::error!("the store does not close");
        }
    }
}

/// Serves each face that has a listener. Takes the configuration apart, so that no option can be forgotten.
fn serve(
    config: &Config,
    common: &Common,
    listeners: Listeners,
    space: &Keyspace,
    leads: &Leads,
) -> Servers {
    let Config {
        store: _opened,
        listen: _bound,
        etcd_advertise,
        node_name,
        datacenter,
        max_connections: _in_common,
        lead_duration: _of_the_store,
        log: _of_the_process,
    } = config.clone();
    let mut servers = Servers::new();
    let face = consul::router(consul::Consul {
        space: space.clone(),
        stopping: servers.stopping(),
        node: node_name,
        datacenter,
    });
    servers.face(
        FaceName::Consul,
        common,
        listeners.consul,
        face,
        leads.clone(),
    );
    let face = etcd::router(etcd::Etcd {
        space: space.clone(),
        stopping: servers.stopping(),
        advertise: etcd_advertise,
    });
    servers.face(FaceName::Etcd2, common, listeners.etcd, face, leads.clone());
    servers
}

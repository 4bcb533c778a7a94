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
use super::relay::{self, Identity, Order, RelayListener};
use super::standby::Standby;
use super::stores::{LeadershipTerm, Stores};
use super::{Error, Listeners, Ports};
use crate::admin::{self, About, Health, Observed, Phase};
use crate::config::Config;
use crate::face::http::Leads;
use crate::face::{consul, etcd};
use crate::guard;
use crate::model::FaceName;
use crate::space::Keyspace;
use crate::store::StoreError;
use crate::store::shared::{Candidate, Members, Metrics as StoreMetrics, Relay};

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
    let registry = Registry::with_prefix("kubekv");
    run_telling(config, listeners, registry, shutdown, |_| ()).await
}

/// As [`run`], and tells what the gateway has come to. The registry is shown at `/metrics`, with all that is counted here.
pub async fn run_telling(
    config: Config,
    listeners: Listeners,
    mut registry: Registry,
    shutdown: impl Future<Output = ()>,
    tell: impl FnMut(Stage),
) -> Result<(), Error> {
    let ports = listeners
        .ports()
        .map_err(|error| Error::Fatal(format!("a listener has no address: {error}")))?;
    let common = Common::new(&mut registry, config.max_connections);
    let relays = relay::Metrics::register(&mut registry);
    let metrics = if config.store.is_shared() {
        StoreMetrics::register(&mut registry)
    } else {
        StoreMetrics::default()
    };
    let about = About {
        name: config.node_name.clone(),
        consul: ports.consul,
        etcd: ports.etcd,
    };
    let health = Arc::new(Health::new(registry, about));
    let Listeners {
        consul,
        etcd,
        admin,
        relay,
    } = listeners;
    let mut desk = Servers::new();
    desk.admin(&common, admin, admin::router(Arc::clone(&health)));
    let faces = Listeners {
        consul,
        etcd,
        admin: None,
        relay,
    };
    let faces = faces.share().map_err(|error| listener_failed(&error))?;
    let identity = Identity::new()
        .map_err(|error| Error::Fatal(format!("cannot make a certificate: {error}")))?;
    let gateway = Gateway {
        config,
        health,
        common,
        ports,
        identity: Arc::new(identity),
        relays,
        metrics,
    };
    let outcome = gateway.live(faces, pin!(shutdown), tell).await;
    // Last of all: until here the admin port tells that the gateway drains.
    desk.drain().await;
    outcome
}

pub(super) fn listener_failed(error: &std::io::Error) -> Error {
    Error::Fatal(format!("a listener has failed: {error}"))
}

/// A gateway whose admin port listens.
pub(super) struct Gateway {
    pub(super) config: Config,
    health: Arc<Health>,
    pub(super) common: Common,
    ports: Ports,
    /// What this gateway shows to the others of its store.
    pub(super) identity: Arc<Identity>,
    pub(super) relays: relay::Metrics,
    metrics: StoreMetrics,
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
        let mut stores = self.stores(on_fatal.clone()).await?;
        let mut faces = Some(faces);
        let mut unready = Some(self.ports);
        let roll = stores.roll();
        // Before the store was read as well: who asks then must not wait for ever for one that cannot be reached.
        let mut standby = Standby::begin(&self, roll.as_ref(), faces.as_ref())?;
        if let Some(roll) = &roll {
            tokio::select! {
                () = self.follow(&stores, roll) => {}
                () = shutdown.as_mut() => return Ok(()),
            }
            if let Some(ports) = unready.take() {
                tell(Stage::Ready(ports));
            }
        }
        loop {
            let mut tenure = tokio::select! {
                tenure = stores.next() => tenure,
                () = shutdown.as_mut() => {
                    self.stopping(&mut tell);
                    drop(faces);
                    standby.end(Order::Drain).await;
                    stores.leave().await;
                    return Ok(());
                }
            };
            let waiting = standby.end(Order::HandOver).await;
            let mut open = tokio::select! {
                opened = self.open(&tenure, faces.as_ref(), roll.as_ref()) => opened?,
                () = shutdown.as_mut() => return Ok(()),
            };
            open.servers.take(waiting);
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
                self.stopping(&mut tell);
                // Nobody else accepts what comes now.
                faces = None;
            }
            if let Some(outcome) = self.end(ended, open, tenure, &mut fatal).await {
                stores.leave().await;
                return outcome;
            }
            standby = Standby::begin(&self, roll.as_ref(), faces.as_ref())?;
        }
    }

    /// The store of the configuration, not open yet.
    async fn stores(&self, on_fatal: mpsc::Sender<String>) -> Result<Stores, StoreError> {
        let Config {
            store,
            store_access: access,
            ..
        } = &self.config;
        let candidate = Candidate {
            name: self.config.node_name.clone(),
            relay: self.relay(),
            duration: self.config.lead_duration,
        };
        Stores::make(store, access, candidate, &self.metrics, on_fatal).await
    }

    /// Lets go of a keyspace; says how the gateway ends, if it does.
    async fn end(
        &self,
        ended: Ended,
        open: Open,
        tenure: LeadershipTerm,
        fatal: &mut mpsc::Receiver<String>,
    ) -> Option<Result<(), Error>> {
        match ended {
            Ended::Told => {
                open.drain().await;
                tenure.release().await;
                // What failed while it drained.
                let failed = fatal.try_recv();
                Some(failed.map_or(Ok(()), |line| Err(Error::Fatal(line))))
            }
            Ended::Failed(line) => {
                open.abort().await;
                Some(Err(Error::Fatal(line)))
            }
            Ended::LeadLost => {
                self.health.enter(Phase::Standby);
                self.health.observe(None);
                open.abort().await;
                None
            }
        }
    }

    /// Follows a store that others use as well until it was read.
    async fn follow(&self, stores: &Stores, roll: &Members) {
        self.health.follow(roll.clone(), self.ports.relay.is_some());
        stores.followed().await;
        self.health.enter(Phase::Standby);
    }

    fn stopping(&self, tell: &mut impl FnMut(Stage)) {
        self.health.enter(Phase::Draining);
        tell(Stage::Stopping);
    }

    /// Where other gateways reach this one.
    pub(super) fn relay(&self) -> Option<Relay> {
        let listens = self.ports.relay?;
        let advertised = self.config.relay_advertise.clone();
        Some(Relay {
            address: advertised.unwrap_or_else(|| listens.to_string()),
            certificate: self.identity.fingerprint(),
        })
    }

    /// Opens a keyspace over a store and serves it.
    async fn open(
        &self,
        tenure: &LeadershipTerm,
        faces: Option<&Faces>,
        roll: Option<&Members>,
    ) -> Result<Open, Error> {
        let mut registry = Registry::with_prefix("kubekv");
        let store = Arc::clone(&tenure.store);
        let admit = guard::for_store(store.limits());
        let (space, expiry) = Keyspace::open(store, admit, &mut registry).await?;
        let mut listeners = match faces {
            Some(faces) => faces.listeners().map_err(|error| listener_failed(&error))?,
            None => Listeners::default(),
        };
        let relay = listeners.relay.take();
        let mut servers = serve(
            &self.config,
            &self.common,
            listeners,
            &space,
            &tenure.leads(),
        );
        if let Some(roll) = roll {
            servers.desk(relay, |faces| RelayListener {
                identity: Arc::clone(&self.identity),
                roll: roll.clone(),
                faces,
                metrics: self.relays.clone(),
            });
        }
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
        store_access: _of_it,
        listen: _bound,
        etcd_advertise,
        node_name,
        datacenter,
        max_connections: _in_common,
        lead_duration: _of_the_store,
        relay_advertise: _of_the_gateway,
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

//! A gateway from start to end.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::faces::{Common, Servers};
use super::{Error, Listeners, Ports, stores};
use crate::admin::{self, Health, Observed, Phase};
use crate::config::Config;
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
    let health = Arc::new(Health::default());
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
    let gateway = Gateway {
        health,
        common,
        registry,
        ports,
    };
    let outcome = gateway.live(config, faces, pin!(shutdown), tell).await;
    // Last of all: until here the admin port tells that the gateway drains.
    desk.drain().await;
    outcome
}

/// A gateway whose admin port listens.
struct Gateway {
    health: Arc<Health>,
    common: Common,
    registry: Registry,
    ports: Ports,
}

impl Gateway {
    async fn live(
        self,
        config: Config,
        listeners: Listeners,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
        mut tell: impl FnMut(Stage),
    ) -> Result<(), Error> {
        let Self {
            health,
            common,
            mut registry,
            ports,
        } = self;
        let (on_fatal, mut fatal) = mpsc::channel(1);
        // Kept as a sender, so that a store without failures is not taken for one that failed.
        let store = stores::make(config.store.clone(), on_fatal.clone());
        let admit = Arc::new(Bounds::new(store.limits()));
        let (space, mut expiry) = tokio::select! {
            opened = Keyspace::open(store, admit, &mut registry) => opened?,
            () = shutdown.as_mut() => return Ok(()),
        };
        let mut servers = serve(config, &common, listeners, &space);
        health.observe(Observed {
            registry,
            space: space.clone(),
        });
        health.enter(Phase::Ready);
        tell(Stage::Ready(ports));
        let failure = tokio::select! {
            () = shutdown => None,
            line = fatal.recv() => line,
            () = servers.broken() => Some("a server ended by a mistake in this program".to_owned()),
            _ended = &mut expiry => Some("expiry ended by a mistake in this program".to_owned()),
        };
        health.enter(Phase::Draining);
        tell(Stage::Stopping);
        end(servers, space, expiry, failure).await?;
        // What failed while it drained.
        fatal
            .try_recv()
            .map_or(Ok(()), |line| Err(Error::Fatal(line)))
    }
}

/// Lets go of everything, in order; at once where the gateway has failed.
async fn end(
    servers: Servers,
    space: Keyspace,
    expiry: JoinHandle<()>,
    failure: Option<String>,
) -> Result<(), Error> {
    let Some(line) = failure else {
        servers.drain().await;
        // Leases that nobody can renew any more must not run out.
        expiry.abort();
        space.close().await;
        return Ok(());
    };
    servers.abort().await;
    expiry.abort();
    if tokio::time::timeout(CLOSE_FAILED, space.close())
        .await
        .is_err()
    {
        tracing::error!("the store does not close");
    }
    Err(Error::Fatal(line))
}

/// Serves each face that has a listener. Takes the configuration apart, so that no option can be forgotten.
fn serve(config: Config, common: &Common, listeners: Listeners, space: &Keyspace) -> Servers {
    let Config {
        store: _opened,
        listen: _bound,
        etcd_advertise,
        node_name,
        datacenter,
        max_connections: _in_common,
        log: _of_the_process,
    } = config;
    let mut servers = Servers::new();
    let face = consul::router(consul::Consul {
        space: space.clone(),
        stopping: servers.stopping(),
        node: node_name,
        datacenter,
    });
    servers.face(FaceName::Consul, common, listeners.consul, face);
    let face = etcd::router(etcd::Etcd {
        space: space.clone(),
        stopping: servers.stopping(),
        advertise: etcd_advertise,
    });
    servers.face(FaceName::Etcd2, common, listeners.etcd, face);
    servers
}

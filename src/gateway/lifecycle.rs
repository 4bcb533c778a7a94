//! The lifecycle of a gateway: start, standby and leadership in turn, drain, end.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use prometheus_client::registry::Registry;
use tokio::sync::mpsc;

use super::context::GatewayContext;
use super::error::Error;
use super::faces;
use super::listeners::{Listeners, Ports, SharedListeners};
use super::policy;
use super::relay::{self, RelayCertificate, StandbyMode};
use super::servers::{ServerFactory, Servers};
use super::serving::ServingGateway;
use super::standby::Standby;
use super::stores::{LeadershipTerm, Stores};
use super::tls::GatewayTls;
use crate::admin::{self, GatewayInfo, Health, Phase};
use crate::config::{AuditOptions, Config, GuardConfig};
use crate::fairness::{self, ChangeRate, Fairness, MemoryLimits};
use crate::guard::{AuditDestination, AuditLog, DockerGuard, DockerGuardMode};
use crate::store::shared::{Members, Metrics as StoreMetrics};

/// A stage that a gateway reaches, reported once each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The store is open and requests are answered at these addresses.
    Ready(Ports),
    /// It accepts nothing any more and lets requests in flight end.
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
    run_with_stages(config, listeners, registry, shutdown, |_| ()).await
}

/// As [`run`], and reports the stages that the gateway reaches. `/metrics` shows the registry, with every family that the
/// gateway adds to it.
pub async fn run_with_stages(
    config: Config,
    mut listeners: Listeners,
    mut registry: Registry,
    shutdown: impl Future<Output = ()>,
    report: impl FnMut(Stage),
) -> Result<(), Error> {
    let ports = listeners
        .ports()
        .map_err(|error| Error::Fatal(format!("a listener has no address: {error}")))?;
    let tls = GatewayTls::load(&config, &mut registry)?;
    // Followed until this function ends.
    let _followed = tls.follow_files();
    let audit = begin_audit(&config, &mut registry)?;
    let mut followed_policy = policy::begin(&config, audit.as_ref(), &mut registry).await?;
    let policy = followed_policy.in_force().cloned();
    let guard = config.guard.map(|mode| begin_guard(mode, &mut registry));
    let servers = ServerFactory::new(&mut registry, &config, tls, audit.clone(), policy.clone());
    let relay_metrics = relay::RelayMetrics::register(&mut registry);
    let store_metrics = if config.store.is_shared() {
        StoreMetrics::register(&mut registry)
    } else {
        StoreMetrics::default()
    };
    let fairness = share_memory(&config, &mut registry);
    let info = GatewayInfo {
        name: config.node_name.clone(),
        faces: faces::addresses(ports),
        guard: guard.clone(),
    };
    let health = Arc::new(Health::new(registry, info));
    let mut admin_server = Servers::new();
    let pages = admin::router(Arc::clone(&health));
    admin_server.serve_admin(&servers, listeners.admin.take(), pages);
    let listeners = listeners.share().map_err(|error| Error::listener(&error))?;
    let certificate = RelayCertificate::new()
        .map_err(|error| Error::Fatal(format!("cannot make a certificate: {error}")))?;
    let context = GatewayContext {
        config,
        health,
        servers,
        ports,
        certificate: Arc::new(certificate),
        relay_metrics,
        store_metrics,
        audit: audit.clone(),
        fairness,
        policy,
        guard,
    };
    let mut shutdown = pin!(shutdown);
    let started = tokio::select! {
        started = followed_policy.started() => Some(started),
        () = shutdown.as_mut() => None,
    };
    let outcome = match started {
        Some(Ok(())) => Gateway(context).live(listeners, shutdown, report).await,
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    // Last of all: until here the admin port answers that the gateway drains.
    admin_server.drain().await;
    if let Some(audit) = audit {
        // Nothing is recorded any more; what was is written.
        let _closed = tokio::task::spawn_blocking(move || audit.close()).await;
    }
    outcome
}

/// The Docker guard in the mode of the configuration.
fn begin_guard(mode: GuardConfig, registry: &mut Registry) -> Arc<DockerGuard> {
    let mode = match mode {
        GuardConfig::Warn => DockerGuardMode::Warn,
        GuardConfig::Enforce => DockerGuardMode::Enforce,
    };
    tracing::info!(
        mode = mode.as_str(),
        "the Docker guard judges Docker's records"
    );
    DockerGuard::new(mode, registry)
}

/// Begins the audit log, if the configuration wants one.
fn begin_audit(config: &Config, registry: &mut Registry) -> Result<Option<Arc<AuditLog>>, Error> {
    let Some(AuditOptions { file, reads }) = config.audit.clone() else {
        return Ok(None);
    };
    let destination = file.map_or(AuditDestination::Stdout, AuditDestination::File);
    let log = AuditLog::begin(&destination, reads, registry);
    let log = log.map_err(|error| Error::Fatal(error.to_string()))?;
    Ok(Some(Arc::new(log)))
}

/// What all clients share, within the memory that the configuration or the system allows.
fn share_memory(config: &Config, registry: &mut Registry) -> Fairness {
    let memory = config.memory_limit.unwrap_or_else(fairness::memory_limit);
    let limits = MemoryLimits::of_memory(memory);
    tracing::info!(
        memory_limit = limits.memory,
        entries = limits.entries,
        bodies = limits.bodies,
        answers = limits.answers,
        watch_queues = limits.watch_queues,
        "memory is shared out, in bytes"
    );
    let rate = if config.store.is_shared() {
        ChangeRate::SharedStore
    } else {
        ChangeRate::OwnDisk
    };
    let fairness = Fairness::over(rate, limits);
    fairness.register(registry);
    fairness
}

/// The reason why a keyspace is served no more.
enum Ended {
    /// The gateway is shut down.
    Shutdown,
    /// Another gateway may lead.
    LeadershipLost,
    /// The gateway must end.
    Failed(String),
}

/// A gateway whose admin port listens.
struct Gateway(GatewayContext);

impl Gateway {
    async fn live(
        self,
        listeners: SharedListeners,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
        mut report: impl FnMut(Stage),
    ) -> Result<(), Error> {
        let context = &self.0;
        let (on_fatal, mut fatal) = mpsc::channel(1);
        // One sender is kept, so that a store without failures is not taken for one that failed.
        let mut stores = context.stores(on_fatal.clone()).await?;
        let mut listeners = Some(listeners);
        let mut unready = Some(context.ports);
        let members = stores.members();
        // Begun before the store was read: a client that asks then must not wait for ever for a store that cannot be
        // reached.
        let mut standby = Standby::begin(context, members.as_ref(), listeners.as_ref())?;
        if let Some(members) = &members {
            tokio::select! {
                () = self.follow(&stores, members) => {}
                () = shutdown.as_mut() => return Ok(()),
            }
            if let Some(ports) = unready.take() {
                report(Stage::Ready(ports));
            }
        }
        loop {
            let mut term = tokio::select! {
                term = stores.next() => term,
                () = shutdown.as_mut() => {
                    self.stop(&mut report);
                    drop(listeners);
                    standby.end(StandbyMode::Drain).await;
                    stores.leave().await;
                    return Ok(());
                }
            };
            let waiting = standby.end(StandbyMode::HandOver).await;
            let mut serving = tokio::select! {
                begun = ServingGateway::begin(context, &term, listeners.as_ref(), members.as_ref()) => begun?,
                () = shutdown.as_mut() => return Ok(()),
            };
            serving.serve_waiting(waiting);
            context.health.enter(Phase::Ready);
            if let Some(ports) = unready.take() {
                report(Stage::Ready(ports));
            }
            let ended = tokio::select! {
                () = shutdown.as_mut() => Ended::Shutdown,
                line = fatal.recv() => Ended::Failed(line.unwrap_or_default()),
                line = serving.ended_early() => Ended::Failed(line.to_owned()),
                () = term.lost() => Ended::LeadershipLost,
            };
            if !matches!(ended, Ended::LeadershipLost) {
                self.stop(&mut report);
                // No server accepts the connections that come from now on.
                listeners = None;
            }
            if let Some(outcome) = self.end(ended, serving, term, &mut fatal).await {
                stores.leave().await;
                return outcome;
            }
            standby = Standby::begin(context, members.as_ref(), listeners.as_ref())?;
        }
    }

    /// Ends the time in which a keyspace is served; returns how the gateway ends, if it does.
    async fn end(
        &self,
        ended: Ended,
        serving: ServingGateway,
        term: LeadershipTerm,
        fatal: &mut mpsc::Receiver<String>,
    ) -> Option<Result<(), Error>> {
        match ended {
            Ended::Shutdown => {
                serving.drain().await;
                term.release().await;
                // The store may have failed while the gateway drained.
                let failed = fatal.try_recv();
                Some(failed.map_or(Ok(()), |line| Err(Error::Fatal(line))))
            }
            Ended::Failed(line) => {
                serving.abort().await;
                Some(Err(Error::Fatal(line)))
            }
            Ended::LeadershipLost => {
                self.0.health.enter(Phase::Standby);
                self.0.health.observe(None);
                serving.abort().await;
                None
            }
        }
    }

    /// Follows a shared store until it was read once.
    async fn follow(&self, stores: &Stores, members: &Members) {
        let relays = self.0.ports.relay.is_some();
        self.0.health.follow(members.clone(), relays);
        stores.loaded().await;
        self.0.health.enter(Phase::Standby);
    }

    fn stop(&self, report: &mut impl FnMut(Stage)) {
        self.0.health.enter(Phase::Draining);
        report(Stage::Stopping);
    }
}

//! The time in which a gateway leads: its keyspace is open, and its faces and its relay listener serve it.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;

use super::context::GatewayContext;
use super::error::Error;
use super::faces::{self, FaceOptions};
use super::listeners::{Listeners, SharedListeners};
use super::relay::RelayListener;
use super::servers::Servers;
use super::stores::LeadershipTerm;
use crate::admin::KeyspaceMetrics;
use crate::face::server::{Arrival, LeadershipCheck};
use crate::guard;
use crate::model::{Caller, FaceName};
use crate::space::Keyspace;
use crate::store::shared::Members;

/// How long a store may take to close after it failed, or after leadership was lost.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// An open keyspace and its servers.
pub(super) struct ServingGateway {
    space: Keyspace,
    expiry: JoinHandle<()>,
    servers: Servers,
}

impl ServingGateway {
    /// Opens a keyspace over a term's store, and serves it.
    pub(super) async fn begin(
        context: &GatewayContext,
        term: &LeadershipTerm,
        listeners: Option<&SharedListeners>,
        members: Option<&Members>,
    ) -> Result<Self, Error> {
        let mut registry = Registry::with_prefix("kubekv");
        let store = Arc::clone(&term.store);
        let limits = context.fairness.limits();
        let entries_bytes = u64::try_from(limits.entries).unwrap_or(u64::MAX);
        let bounds = guard::for_store(store.limits(), entries_bytes, context.audit.clone());
        let admitting = guard::by_policy(&bounds, context.policy.as_ref());
        let guard = context.guard.as_ref();
        let admitting = guard::with_docker(admitting, guard, context.policy.as_ref());
        let (space, expiry) = Keyspace::open(store, admitting, &mut registry).await?;
        guard::register_limit(entries_bytes, &mut registry);
        space.limit_watch_queues(limits.watch_commits);
        space.renew_under(&context.config.renew_under);
        bounds.observe(space.read(&Caller::System).keyspace_bytes());
        let mut listeners = match listeners {
            Some(shared) => shared
                .listeners()
                .map_err(|error| Error::listener(&error))?,
            None => Listeners::default(),
        };
        let relay = listeners.relay.take();
        let mut servers = serve(context, listeners, &space, &term.leadership_check());
        if let Some(members) = members {
            servers.serve_relayed(relay, |faces| RelayListener {
                certificate: Arc::clone(&context.certificate),
                members: members.clone(),
                faces,
                metrics: context.relay_metrics.clone(),
            });
        }
        context.health.observe(Some(KeyspaceMetrics {
            registry,
            space: space.clone(),
        }));
        Ok(Self {
            space,
            expiry,
            servers,
        })
    }

    /// Serves connections that the standby accepted and did not relay.
    pub(super) fn serve_waiting(&mut self, waiting: Vec<(FaceName, Vec<Arrival>)>) {
        self.servers.serve_waiting(waiting);
    }

    /// Returns when a task ended that runs until it is stopped; names it.
    pub(super) async fn ended_early(&mut self) -> &'static str {
        tokio::select! {
            () = self.servers.ended_early() => "a server ended by a bug in kubekv",
            _ended = &mut self.expiry => "the expiry of leases and TTLs ended by a bug in kubekv",
        }
    }

    /// Ends in order: lets the requests in flight end, then closes the store.
    pub(super) async fn drain(self) {
        self.servers.drain().await;
        // Nobody can renew leases any more, so none may run out.
        self.expiry.abort();
        self.space.close().await;
    }

    /// Ends at once: closes every connection.
    pub(super) async fn abort(self) {
        self.servers.abort().await;
        self.expiry.abort();
        let closed = tokio::time::timeout(CLOSE_PATIENCE, self.space.close()).await;
        if closed.is_err() {
            let seconds = CLOSE_PATIENCE.as_secs();
            tracing::error!(
                seconds,
                "the store did not close in time; it is left as it is"
            );
        }
    }
}

/// Serves each face that has a listener.
fn serve(
    context: &GatewayContext,
    listeners: Listeners,
    space: &Keyspace,
    leadership: &LeadershipCheck,
) -> Servers {
    let options = FaceOptions::of(&context.config, &context.fairness);
    let mut servers = Servers::new();
    for (name, listener) in listeners.faces {
        let face = faces::row(name);
        let protocol = (face.protocol)(&options, space.clone(), servers.stopping());
        let server = context.servers.server(name, leadership.clone());
        servers.serve_face(face, server, listener, protocol);
    }
    servers
}

//! The context of a gateway: its configuration, health, metrics and relay certificate, which last as long as the process.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::listeners::Ports;
use super::relay::{self, RelayCertificate};
use super::servers::ServerFactory;
use super::stores::Stores;
use crate::admin::Health;
use crate::config::Config;
use crate::fairness::Fairness;
use crate::guard::{AuditLog, DockerGuard, PolicyInForce};
use crate::store::StoreError;
use crate::store::shared::{Candidate, Metrics as StoreMetrics, Relay};

/// The context of a gateway whose admin port listens.
pub(super) struct GatewayContext {
    pub(super) config: Config,
    pub(super) health: Arc<Health>,
    pub(super) servers: ServerFactory,
    pub(super) ports: Ports,
    /// The certificate that this gateway shows to the other members of its store.
    pub(super) certificate: Arc<RelayCertificate>,
    pub(super) relay_metrics: relay::RelayMetrics,
    pub(super) store_metrics: StoreMetrics,
    /// The record of what clients do, if there is one.
    pub(super) audit: Option<Arc<AuditLog>>,
    /// What all clients share, whichever term and face serves them.
    pub(super) fairness: Fairness,
    /// By which clients are admitted, whichever term serves them; `None` lets all of them do everything.
    pub(super) policy: Option<Arc<PolicyInForce>>,
    /// What judges Docker's records, whichever term serves them; `None` where it is off.
    pub(super) guard: Option<Arc<DockerGuard>>,
}

impl GatewayContext {
    /// The store of the configuration, not open yet. It sends a line to `on_fatal` when the gateway must end.
    pub(super) async fn stores(
        &self,
        on_fatal: mpsc::Sender<String>,
    ) -> Result<Stores, StoreError> {
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
        Stores::make(store, access, candidate, &self.store_metrics, on_fatal).await
    }

    /// This gateway's relay port, as other gateways reach it; `None` if it takes part in no relaying.
    pub(super) fn relay(&self) -> Option<Relay> {
        let listens = self.ports.relay?;
        let advertised = self.config.relay_advertise.clone();
        Some(Relay {
            address: advertised.unwrap_or_else(|| listens.to_string()),
            certificate: self.certificate.fingerprint(),
        })
    }
}

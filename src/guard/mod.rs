//! Admission: what a caller may see and change, and the record of what callers do. Sizes of changes and of the keyspace are
//! bounded; a policy says the rest, where there is one.

mod audit;
mod authentication;
mod bounds;
mod client_flows;
mod client_rights;
mod compiled_policy;
pub mod credentials;
pub(crate) mod docker;
mod enforcer;
mod keyspace_quotas;
mod known_clients;
mod learn;
mod line_budget;
#[cfg(test)]
mod memory_keyspace;
pub mod policy;
mod policy_in_force;
mod policy_metrics;
mod policy_mode;
mod policy_refusals;
mod quota;
mod quota_collector;
mod single_flight;
mod size_limit;
pub mod token_review;

use std::sync::Arc;

use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

pub use audit::{
    AuditDestination, AuditLog, AuditLogError, AuditedClient, IdentityLookup, NoPolicyLookup,
};
pub use bounds::{Bounds, REQUEST_BYTES};
pub use docker::{DockerGuard, DockerGuardMode, GuardedKeyspace, QuarantinedRecord};
pub use enforcer::Enforcer;
pub use learn::{LearnedPolicy, PolicyLearner};
#[cfg(test)]
pub(crate) use memory_keyspace::memory_keyspace;
pub use policy_in_force::PolicyInForce;
pub use policy_mode::PolicyMode;

use crate::space::Admit;
use crate::store::Limits;

/// The guard of a keyspace over a store with these limits.
///
/// `entries_bytes` is the most memory that all entries may take; `u64::MAX` is no limit. Changes of clients are recorded in
/// `audit`, if there is one.
///
/// Everything that opens a keyspace to serve it or to write to it
/// takes its guard from here: the gateway, `kubekv import`, and every later command that writes offline.
pub fn for_store(limits: Limits, entries_bytes: u64, audit: Option<Arc<AuditLog>>) -> Arc<Bounds> {
    let bounds = Bounds::new(limits).with_entries_bytes(entries_bytes);
    Arc::new(bounds.with_audit(audit))
}

/// The guard of a keyspace that is served to clients, within these bounds and by this policy, if there is one.
pub fn by_policy(bounds: &Arc<Bounds>, policy: Option<&Arc<PolicyInForce>>) -> Arc<dyn Admit> {
    match policy {
        Some(policy) => Arc::new(Enforcer::new(Arc::clone(bounds), Arc::clone(policy))),
        None => Arc::<Bounds>::clone(bounds),
    }
}

/// The same with a Docker guard behind it, if there is one.
pub fn with_docker(
    admit: Arc<dyn Admit>,
    guard: Option<&Arc<DockerGuard>>,
    policy: Option<&Arc<PolicyInForce>>,
) -> Arc<dyn Admit> {
    match guard {
        Some(guard) => Arc::new(GuardedKeyspace::new(
            admit,
            Arc::clone(guard),
            policy.cloned(),
        )),
        None => admit,
    }
}

/// Makes the limit of memory for entries known to a registry, in bytes, as `kubekv_space_bytes_limit`.
pub fn register_limit(entries_bytes: u64, registry: &mut Registry) {
    let limit = i64::try_from(entries_bytes).unwrap_or(i64::MAX);
    registry.sub_registry_with_prefix("space").register(
        "bytes_limit",
        "The most memory that the entries may take, counted as in kubekv_space_bytes; beyond it writes that add to them are \
         refused",
        ConstGauge::new(limit),
    );
}

//! A session, kept as a lease whose labels say what only Consul's clients want to know.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::json::Object;
use crate::model::{Entry, Lease, LeaseEnd, LeaseId, Principal};

/// The longest lock-delay that counts, whatever a session asks for (Consul's `MaxLockDelay`).
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A session ends this many times its TTL after it was last renewed (Consul's `SessionTTLMultiplier`).
const TTL_MULTIPLIER: u64 = 2;

/// What a client said of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// A name, for people.
    pub(super) name: String,
    /// The node it belongs to.
    pub(super) node: String,
    /// How long after its end nobody may lock what it held, in nanoseconds, as the client put it.
    pub(super) lock_delay: i64,
    /// What becomes of what it holds.
    pub(super) behavior: LeaseEnd,
    /// How long it lives without renewal, as the client put it.
    pub(super) ttl: String,
    /// The same in nanoseconds; 0 lives until it is destroyed.
    pub(super) ttl_nanos: u64,
    /// The checks of the node it depends on, as a JSON array or `null`.
    pub(super) node_checks: String,
    /// The checks of services it depends on, as a JSON array or `null`.
    pub(super) service_checks: String,
    /// The checks of the old field for them, as a JSON array; empty where there is none.
    pub(super) checks: String,
}

const NAME: &str = "name";
/// What makes a lease a session.
const NODE: &str = "node";
const LOCK_DELAY: &str = "lock_delay";
const TTL: &str = "ttl";
const NODE_CHECKS: &str = "node_checks";
const SERVICE_CHECKS: &str = "service_checks";
const CHECKS: &str = "checks";

impl Session {
    /// The lease that keeps it.
    pub(super) fn lease(&self, id: LeaseId) -> Lease {
        let delay = u64::try_from(self.lock_delay).unwrap_or(0);
        let delay = Duration::from_nanos(delay).min(LONGEST_DELAY);
        let labels = [
            (NAME, &self.name),
            (NODE, &self.node),
            (LOCK_DELAY, &self.lock_delay.to_string()),
            (TTL, &self.ttl),
            (NODE_CHECKS, &self.node_checks),
            (SERVICE_CHECKS, &self.service_checks),
            (CHECKS, &self.checks),
        ];
        Lease {
            id,
            term_ms: (self.ttl_nanos > 0)
                .then(|| whole_millis(self.ttl_nanos.saturating_mul(TTL_MULTIPLIER))),
            on_end: self.behavior,
            lock_delay_ms: whole_millis(u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX)),
            labels: labels
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.clone()))
                .collect(),
            // The keyspace makes it the caller's.
            owner: Principal::Anonymous,
        }
    }
}

/// Milliseconds, rounded up: nothing ends early.
fn whole_millis(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000)
}

/// The node a lease belongs to as a session, `None` where it is another protocol's.
pub(super) fn node_of(lease: &Lease) -> Option<&str> {
    lease.labels.get(NODE).map(String::as_str)
}

/// Writes a session as Consul shows it; the lock-delay is a number of nanoseconds, which clients insist on.
pub(super) fn push_session(out: &mut Vec<u8>, lease: &Lease, record: &Entry) {
    let label = |name: &str| label(&lease.labels, name);
    let mut object = Object::new(out)
        .text("ID", lease.id.to_string())
        .text("Name", label(NAME))
        .text("Node", label(NODE))
        .plain("LockDelay", label(LOCK_DELAY))
        .text(
            "Behavior",
            match lease.on_end {
                LeaseEnd::Release => "release",
                LeaseEnd::Delete => "delete",
            },
        )
        .text("TTL", label(TTL))
        .json("NodeChecks", label(NODE_CHECKS).as_bytes())
        .json("ServiceChecks", label(SERVICE_CHECKS).as_bytes());
    let checks = label(CHECKS);
    if !checks.is_empty() {
        object = object.json("Checks", checks.as_bytes());
    }
    object
        .plain("CreateIndex", record.created())
        .plain("ModifyIndex", record.index())
        .end();
}

fn label<'a>(labels: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    labels.get(name).map(String::as_str).unwrap_or_default()
}

//! Session as a lease, whose labels hold the fields that only Consul's clients read.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::face::consul::weight::Weight;
use crate::face::go::json_writer::JsonObject;
use crate::face::go::max_json_string;
use crate::model::{Entry, Lease, LeaseEnd, LeaseId, LeaseProtocol, Principal};

/// The longest effective lock-delay; a longer one is cut (Consul's `MaxLockDelay`).
const MAX_LOCK_DELAY: Duration = Duration::from_secs(60);
/// The time from the last renewal to the end of a session, in TTLs (Consul's `SessionTTLMultiplier`).
const TTL_MULTIPLIER: u64 = 2;

/// A session as its client defined it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// Its name, for people.
    pub(super) name: String,
    /// The node it belongs to.
    pub(super) node: String,
    /// The time after its end for which nobody may lock the entries it held, in nanoseconds, as the client sent it.
    pub(super) lock_delay: i64,
    /// The fate of the entries it holds when it ends.
    pub(super) behavior: LeaseEnd,
    /// Its TTL, as the client sent it.
    pub(super) ttl: String,
    /// The same in nanoseconds; a session with 0 lasts until it is destroyed.
    pub(super) ttl_nanos: u64,
    /// The node checks it depends on, as a JSON array or `null`.
    pub(super) node_checks: String,
    /// The service checks it depends on, as a JSON array or `null`.
    pub(super) service_checks: String,
    /// The checks in the deprecated field, as a JSON array; empty where there are none.
    pub(super) checks: String,
}

const NAME: &str = "name";
/// A lease with this label is a session.
const NODE: &str = "node";
const LOCK_DELAY: &str = "lock_delay";
const TTL: &str = "ttl";
const NODE_CHECKS: &str = "node_checks";
const SERVICE_CHECKS: &str = "service_checks";
const CHECKS: &str = "checks";

impl Session {
    /// The lease that represents it.
    pub(super) fn lease(&self, id: LeaseId) -> Lease {
        let delay = u64::try_from(self.lock_delay).unwrap_or(0);
        let delay = Duration::from_nanos(delay).min(MAX_LOCK_DELAY);
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
            protocol: LeaseProtocol::Consul,
        }
    }
}

/// Milliseconds, rounded up, so that no session ends early.
fn whole_millis(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000)
}

/// The node of the session that a lease represents; `None` for a lease of another protocol.
pub(super) fn node_of(lease: &Lease) -> Option<&str> {
    let node = lease.labels.get(NODE).map(String::as_str);
    node.filter(|_| lease.protocol == LeaseProtocol::Consul)
}

/// The weight of a session as JSON: it shows little that is not in the record.
pub(super) fn weight_of(record: &Entry) -> Weight {
    Weight {
        entries: 1,
        bytes: max_json_string(record.value()),
    }
}

/// Writes a session as Consul does; clients insist on a lock-delay in nanoseconds.
pub(super) fn push_session(out: &mut Vec<u8>, lease: &Lease, record: &Entry) {
    let label = |name: &str| label(&lease.labels, name);
    let mut object = JsonObject::new(out)
        .text("ID", lease.id.to_string())
        .text("Name", label(NAME))
        .text("Node", label(NODE))
        .display("LockDelay", label(LOCK_DELAY))
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
        .display("CreateIndex", record.created())
        .display("ModifyIndex", record.index())
        .end();
}

fn label<'a>(labels: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    labels.get(name).map(String::as_str).unwrap_or_default()
}

//! How far a gateway is in its life, and what can be measured by then.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use prometheus_client::registry::Registry;

use crate::space::Keyspace;

/// How far a gateway is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The store is not open yet.
    Starting,
    /// Requests are answered.
    Ready,
    /// It was told to end, or must.
    Draining,
}

/// What `/metrics` shows.
#[derive(Debug)]
pub struct Observed {
    /// Every family of metrics.
    pub registry: Registry,
    /// The keyspace, whose gauges are brought up to date when somebody looks.
    pub space: Keyspace,
}

/// What the admin port knows of its gateway.
#[derive(Debug, Default)]
pub struct Health {
    phase: AtomicU8,
    observed: OnceLock<Observed>,
}

impl Health {
    /// How far it is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Enters a phase; there is no way back.
    pub fn enter(&self, phase: Phase) {
        let number = match phase {
            Phase::Starting => 0,
            Phase::Ready => 1,
            Phase::Draining => 2,
        };
        self.phase.fetch_max(number, Ordering::AcqRel);
    }

    /// Shows what can be measured from now on. Only the first call counts: a gateway has one keyspace.
    pub fn observe(&self, observed: Observed) {
        let _kept = self.observed.set(observed);
    }

    /// What can be measured, once the store is open.
    pub fn observed(&self) -> Option<&Observed> {
        self.observed.get()
    }
}

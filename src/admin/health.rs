//! How far a gateway is in its life, and what can be measured by then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use arc_swap::ArcSwapOption;

use prometheus_client::registry::Registry;

use super::about::About;
use crate::space::Keyspace;
use crate::store::shared::Members;

/// How far a gateway is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The store is not open yet.
    Starting,
    /// Another gateway answers, on the same store.
    Standby,
    /// Requests are answered.
    Ready,
    /// It was told to end, or must.
    Draining,
}

/// What `/metrics` shows.
#[derive(Debug)]
pub struct Observed {
    /// The families of metrics of the keyspace.
    pub registry: Registry,
    /// The keyspace, whose gauges are brought up to date when somebody looks.
    pub space: Keyspace,
}

/// What the admin port knows of its gateway.
#[derive(Debug)]
pub struct Health {
    phase: AtomicU8,
    /// What lasts as long as the process.
    registry: Registry,
    observed: ArcSwapOption<Observed>,
    /// Which gateway it is.
    about: About,
    /// Who leads, on a store that others use as well.
    followed: ArcSwapOption<Followed>,
}

/// A store that others use as well.
#[derive(Debug)]
struct Followed {
    roll: Members,
    /// Whether this gateway relays connections to the one that leads.
    relays: bool,
}

impl Health {
    /// Of a gateway that starts, with the metrics that last as long as the process.
    pub fn new(registry: Registry, about: About) -> Self {
        Self {
            phase: AtomicU8::new(0),
            registry,
            observed: ArcSwapOption::empty(),
            about,
            followed: ArcSwapOption::empty(),
        }
    }

    /// How far it is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Standby,
            2 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Enters a phase. There is no way back from the last.
    pub fn enter(&self, phase: Phase) {
        let number = match phase {
            Phase::Starting => 0,
            Phase::Standby => 1,
            Phase::Ready => 2,
            Phase::Draining => 3,
        };
        let next = |now| (now < 3).then_some(number);
        let _was = self
            .phase
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
    }

    /// Which gateway it is.
    pub(super) fn about(&self) -> &About {
        &self.about
    }

    /// Asks from now on who leads, and whether there is somebody to relay connections to.
    pub fn follow(&self, roll: Members, relays: bool) {
        self.followed
            .store(Some(Arc::new(Followed { roll, relays })));
    }

    /// Whether there is, as far as this gateway was told.
    pub fn relays(&self) -> bool {
        let followed = self.followed.load();
        followed
            .as_ref()
            .is_some_and(|followed| followed.relays && followed.roll.leader().is_some())
    }

    /// Who leads, if anybody does, and the last term there was, as far as this gateway was told; `None` on a store that it
    /// shares with nobody.
    pub(super) fn leader(&self) -> Option<(Option<String>, u64)> {
        let followed = self.followed.load();
        followed
            .as_ref()
            .map(|followed| followed.roll.leader_and_term())
    }

    /// Shows what can be measured from now on, or that there is no keyspace now.
    pub fn observe(&self, observed: Option<Observed>) {
        self.observed.store(observed.map(Arc::new));
    }

    /// What can be measured while a keyspace is open.
    pub fn observed(&self) -> Option<Arc<Observed>> {
        self.observed.load_full()
    }

    /// What can be measured at any time.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }
}

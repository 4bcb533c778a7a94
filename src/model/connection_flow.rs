//! `ConnectionFlow`: the identity in whose share the requests of one connection count.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// An identity, as flows distinguish it from others: a number that the guard gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowIdentity(NonZeroU64);

impl FlowIdentity {
    /// The identity of this number; 0 stands for 1.
    pub fn numbered(number: u64) -> Self {
        Self(NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN))
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0.get()
    }
}

/// The identity in whose share the requests of a connection count; none, where its address has the share. Cheap to clone, and
/// read by one atomic: each request asks.
///
/// It is about shares, not about rights: those the guard is asked for anew. It changes when the guard says so.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFlow(Option<Arc<AtomicU64>>);

impl ConnectionFlow {
    /// That of a connection whose client has this identity now.
    pub fn new(identity: Option<FlowIdentity>) -> Self {
        Self(Some(Arc::new(AtomicU64::new(number(identity)))))
    }

    /// The identity as it is now.
    pub fn identity(&self) -> Option<FlowIdentity> {
        let number = self.0.as_ref()?.load(Ordering::Relaxed);
        NonZeroU64::new(number).map(FlowIdentity)
    }

    /// How the identity is changed later, for as long as the connection is there.
    pub fn handle(&self) -> FlowHandle {
        FlowHandle(self.0.as_ref().map(Arc::downgrade).unwrap_or_default())
    }
}

impl PartialEq for ConnectionFlow {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for ConnectionFlow {}

/// Changes the identity of a connection, without keeping it.
#[derive(Clone, Debug)]
pub struct FlowHandle(Weak<AtomicU64>);

impl FlowHandle {
    /// Sets the identity.
    pub fn set(&self, identity: Option<FlowIdentity>) {
        if let Some(flow) = self.0.upgrade() {
            flow.store(number(identity), Ordering::Relaxed);
        }
    }

    /// Whether the connection has ended.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

fn number(identity: Option<FlowIdentity>) -> u64 {
    identity.map_or(0, FlowIdentity::number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clone_has_the_identity_that_was_set_last() {
        let [one, other] = [0, 7].map(FlowIdentity::numbered);
        assert_ne!(one, other);
        let flow = ConnectionFlow::new(None);
        let clone = flow.clone();
        assert_eq!(clone.identity(), None);
        let handle = flow.handle();
        handle.set(Some(other));
        assert_eq!(
            (flow.identity(), clone.identity()),
            (Some(other), Some(other))
        );
        drop(flow);
        assert!(!handle.is_gone());
        drop(clone);
        assert!(handle.is_gone());
        handle.set(Some(one));
        assert_eq!(ConnectionFlow::default().identity(), None);
    }
}

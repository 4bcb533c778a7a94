//! History: the operations, indexes and violations that clients and watchers record during a round.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::checker::model::{Operation, Outcome};
use crate::gateway::handle::GatewayHandle;

/// The scope of an index that an answer reported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexScope {
    /// `X-Etcd-Index`: the whole store.
    Whole,
    /// `X-Consul-Index` of one key.
    Key(String),
    /// `X-Consul-Index` of all keys with a prefix.
    Prefix(String),
}

/// An index that an answer reported.
#[derive(Clone, Debug)]
pub struct ReportedIndex {
    pub called: u64,
    pub returned: u64,
    pub scope: IndexScope,
    pub index: u64,
}

/// An acknowledged change whose answer reported its index.
#[derive(Clone, Debug)]
pub struct AcknowledgedChange {
    pub returned: u64,
    pub path: String,
    pub index: u64,
}

/// The numbers of requests by outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct OutcomeCounts {
    pub done: usize,
    pub refused: usize,
    pub unknown: usize,
}

/// An operation, its object, and the generation of the gateway that received it.
#[derive(Debug)]
struct RecordedOperation {
    object: usize,
    generation: usize,
    operation: Operation,
}

/// The history of one round.
#[derive(Debug, Default)]
pub struct History {
    operations: Mutex<Vec<RecordedOperation>>,
    indexes: Mutex<Vec<ReportedIndex>>,
    changes: Mutex<Vec<AcknowledgedChange>>,
    violations: Mutex<Vec<String>>,
    counts: Mutex<OutcomeCounts>,
    /// The events of sessions' one-shot watches.
    events: AtomicUsize,
}

impl History {
    pub fn add_operation(&self, object: usize, generation: usize, operation: Operation) {
        self.operations.lock().push(RecordedOperation {
            object,
            generation,
            operation,
        });
    }

    pub fn add_index(&self, index: ReportedIndex) {
        self.indexes.lock().push(index);
    }

    pub fn add_acknowledged_change(&self, change: AcknowledgedChange) {
        self.changes.lock().push(change);
    }

    /// Adds a violation that needs no search: an answer that is wrong in every order of the operations.
    pub fn add_violation(&self, violation: String) {
        self.violations.lock().push(violation);
    }

    /// Counts a request of a client; requests of watchers are not counted.
    pub fn count(&self, outcome: Outcome) {
        let mut counts = self.counts.lock();
        match outcome {
            Outcome::Done => counts.done += 1,
            Outcome::Refused => counts.refused += 1,
            Outcome::Unknown => counts.unknown += 1,
        }
    }

    /// Counts the events that a session's one-shot watches received.
    pub fn count_events(&self, events: usize) {
        self.events.fetch_add(events, Ordering::Relaxed);
    }

    pub fn events(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }

    pub fn counts(&self) -> OutcomeCounts {
        *self.counts.lock()
    }

    /// The operations of each object. One of unknown outcome can take effect until the generation of the gateway that
    /// received it is over.
    pub fn take_operations(&self, gateway: &GatewayHandle, objects: usize) -> Vec<Vec<Operation>> {
        let mut by_object = vec![Vec::new(); objects];
        for recorded in std::mem::take(&mut *self.operations.lock()) {
            let mut operation = recorded.operation;
            if operation.outcome == Outcome::Unknown {
                operation.returned = gateway.end_of(recorded.generation);
            }
            by_object[recorded.object].push(operation);
        }
        by_object
    }

    pub fn take_indexes(&self) -> (Vec<ReportedIndex>, Vec<AcknowledgedChange>) {
        let indexes = std::mem::take(&mut *self.indexes.lock());
        (indexes, std::mem::take(&mut self.changes.lock()))
    }

    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.violations.lock())
    }
}

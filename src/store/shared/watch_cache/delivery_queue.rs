//! The delivery queue: commits and answers for the keyspace of the gateway that leads, in order.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::Commit;
use crate::store::{CommitError, CommitSink};

/// The outcome of a write, as its caller is answered.
pub(in crate::store::shared) type WriteOutcome = Result<Arc<Commit>, CommitError>;

/// One item of the queue.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Commits, for the keyspace.
    Commits(Vec<Arc<Commit>>),
    /// The end of a gap: some changes up to this revision were not delivered.
    Lost(u64),
    /// The answer to the caller of a write.
    Answer(oneshot::Sender<WriteOutcome>, WriteOutcome),
}

impl Delivery {
    fn deliver(self, sink: Option<&dyn CommitSink>) {
        match (self, sink) {
            (Self::Commits(commits), Some(sink)) => sink.deliver(commits),
            (Self::Lost(revision), Some(sink)) => sink.lose(revision),
            // A write that the keyspace does not have must not be answered: a read after the answer would not show it.
            (Self::Commits(_) | Self::Lost(_) | Self::Answer(_, Ok(_)), None) => {}
            (Self::Answer(sender, outcome), _) => {
                // The caller may have gone.
                let _gone = sender.send(outcome);
            }
        }
    }
}

/// The queue, and the keyspace that it delivers to while this gateway leads.
#[derive(Default)]
pub(super) struct DeliveryQueue {
    sink: Option<Arc<dyn CommitSink>>,
    waiting: Vec<Delivery>,
}

impl DeliveryQueue {
    /// Delivers to this keyspace from now on.
    pub(super) fn open(&mut self, sink: Arc<dyn CommitSink>) {
        self.sink = Some(sink);
    }

    /// Delivers to no keyspace any more. A write whose answer still waits ends with an unknown outcome.
    pub(super) fn close(&mut self) {
        self.sink = None;
        self.waiting.clear();
    }

    /// Adds an item; it waits until [`DeliveryQueue::flush`].
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.waiting.push(delivery);
    }

    /// Delivers every item that waits.
    pub(super) fn flush(&mut self) {
        for delivery in std::mem::take(&mut self.waiting) {
            delivery.deliver(self.sink.as_deref());
        }
    }

    /// Whether there is a keyspace to deliver to.
    pub(super) fn is_open(&self) -> bool {
        self.sink.is_some()
    }

    /// Whether any item waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

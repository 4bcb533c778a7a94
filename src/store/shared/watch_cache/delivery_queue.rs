//! What the keyspace of the gateway that leads is told, in order.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::model::Commit;
use crate::store::CommitSink;
use crate::store::shared::watch_cache::cache::Outcome;

/// Something to tell.
#[derive(Debug)]
pub(in crate::store::shared) enum Step {
    /// Entries changed.
    Commits(Vec<Arc<Commit>>),
    /// Not everything up to this revision was told.
    Lost(u64),
    /// To whoever waits for a write: what became of it.
    Answer(oneshot::Sender<Outcome>, Outcome),
}

impl Step {
    fn tell(self, feed: Option<&dyn CommitSink>) {
        match (self, feed) {
            (Self::Commits(commits), Some(feed)) => feed.deliver(commits),
            (Self::Lost(revision), Some(feed)) => feed.lose(revision),
            // A write that the keyspace was not told of must not be answered: a read after it would not show it.
            (Self::Commits(_) | Self::Lost(_) | Self::Answer(_, Ok(_)), None) => {}
            (Self::Answer(sender, outcome), _) => {
                // Whoever asked may be gone.
                let _gone = sender.send(outcome);
            }
        }
    }
}

/// Tells the keyspace, or keeps back for a while what it is to be told.
#[derive(Default)]
pub(in crate::store::shared) struct DeliveryQueue {
    feed: Option<Arc<dyn CommitSink>>,
    kept: Vec<Step>,
}

impl DeliveryQueue {
    /// From now on there is a keyspace to tell.
    pub(in crate::store::shared) fn open(&mut self, feed: Arc<dyn CommitSink>) {
        self.feed = Some(feed);
    }

    /// Nobody is to be told any more. Whoever waits for a write that was kept back never knows.
    pub(in crate::store::shared) fn close(&mut self) {
        self.feed = None;
        self.kept.clear();
    }

    /// Keeps back what comes next, until it flows.
    pub(in crate::store::shared) fn push(&mut self, step: Step) {
        self.kept.push(step);
    }

    /// Tells what was kept back.
    pub(in crate::store::shared) fn flow(&mut self) {
        for step in std::mem::take(&mut self.kept) {
            step.tell(self.feed.as_deref());
        }
    }

    /// Whether there is a keyspace to tell.
    pub(in crate::store::shared) fn is_open(&self) -> bool {
        self.feed.is_some()
    }

    /// Whether something is kept back.
    pub(in crate::store::shared) fn keeps(&self) -> bool {
        !self.kept.is_empty()
    }
}

//! The leader's store: the `Store` of one term, which sends writes to the log and answers them from its watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot::error::RecvError;

use crate::model::{Commit, Proposal};
use crate::store::shared::election::leadership::Leadership;
use crate::store::shared::log::{Log, SendError};
use crate::store::shared::watch_cache::follower::Follower;
use crate::store::{
    BoxFuture, CommitError, CommitSink, Limits, RetentionFloors, Store, StoreContents, StoreError,
};

/// How often a store that waits for the index floor to be recorded checks whether leadership is lost.
const FLOOR_POLL: Duration = Duration::from_millis(50);

/// A log, for as long as this gateway leads.
#[derive(Debug)]
pub(super) struct LeaderStore {
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    leadership: Arc<Leadership>,
    is_closed: AtomicBool,
}

/// A write that was sent, by the answer to its request alone.
enum Sent {
    /// The log took it: the watch delivers it.
    Taken,
    /// The outcome is unknown until the watch delivers the write, or the next fence.
    Undecided,
    /// The log did not take it, or it must not be waited for.
    Failed(CommitError),
}

impl LeaderStore {
    pub(super) fn new(
        log: Arc<dyn Log>,
        follower: Arc<Follower>,
        leadership: Arc<Leadership>,
    ) -> Self {
        Self {
            log,
            follower,
            leadership,
            is_closed: AtomicBool::new(false),
        }
    }

    async fn commit_once(&self, proposal: Proposal) -> Result<Arc<Commit>, CommitError> {
        if self.is_closed.load(Ordering::Acquire) {
            return Err(CommitError::Unavailable("the store is closed".to_owned()));
        }
        if !self.leadership.may_write() {
            let lost = "this gateway lost leadership";
            return Err(CommitError::Unavailable(lost.to_owned()));
        }
        let (write_id, mut outcome) = match self.follower.begin_write(&proposal) {
            Err(CommitError::Conflict) => {
                // The change is decided again, on the state that the keyspace shows then.
                self.follower.reached(0).await;
                return Err(CommitError::Conflict);
            }
            begun => begun?,
        };
        let sends_by_itself = self.log.sends_by_itself();
        let sent = tokio::select! {
            // The watch decides, and often comes before the answer.
            decided = &mut outcome, if sends_by_itself => return decided.unwrap_or_else(unknown),
            sent = self.log.send(write_id, proposal) => sent,
        };
        let is_taken = match self.sent(sent, write_id.term).await {
            Sent::Taken => true,
            Sent::Undecided => false,
            Sent::Failed(error) => {
                // What the watch has delivered meanwhile is the outcome.
                if let Ok(outcome) = outcome.try_recv() {
                    return outcome;
                }
                self.follower.forget_write(write_id);
                return Err(error);
            }
        };
        let outcome = tokio::select! {
            outcome = &mut outcome => outcome,
            // The watch delivers heartbeats, or leadership had ended by now: this write was delivered without its write id.
            () = tokio::time::sleep(self.leadership.duration()), if is_taken => {
                self.leadership.give_up();
                self.follower.forget_write(write_id);
                let unshown = "the store took it, but its watch does not show it as this gateway's";
                return Err(CommitError::Unknown(unshown.to_owned()));
            }
        };
        outcome.unwrap_or_else(unknown)
    }

    async fn sent(&self, answer: Result<(), SendError>, term: u64) -> Sent {
        let error = match answer {
            Ok(()) => return Sent::Taken,
            Err(SendError::Unknown(why)) => {
                // One line for all writes that the same fence decides.
                if self.leadership.decide_by_next_fence(term) {
                    tracing::warn!(
                        %why,
                        "the outcome of a write is unknown; a new term decides it, and its client waits"
                    );
                }
                self.follower.metrics.unknown.inc();
                return Sent::Undecided;
            }
            Err(SendError::Unattributed(why)) => {
                self.leadership.give_up();
                CommitError::Unknown(why)
            }
            Err(SendError::Conflict(revision)) => {
                // A refusal is passed on only when the keyspace shows its reason: the change is decided again on that.
                self.follower.reached(revision).await;
                CommitError::Conflict
            }
            Err(SendError::Refused(why)) => CommitError::Full(why),
            Err(SendError::TooLarge(why)) => CommitError::TooLarge(why),
            Err(SendError::Unavailable(why)) => CommitError::Unavailable(why),
        };
        Sent::Failed(error)
    }

    async fn open_when_floor_is_recorded(&self, sink: Arc<dyn CommitSink>) -> StoreContents {
        let mut updates = self.follower.status();
        loop {
            // Changes up to here are seen by this look; only later ones are waited for.
            updates.mark_unchanged();
            let is_lost = self.leadership.is_ended();
            if let Some(contents) = self.follower.open(&sink, is_lost) {
                return contents;
            }
            let _changed_or_lost = tokio::time::timeout(FLOOR_POLL, updates.changed()).await;
        }
    }
}

/// The outcome of a write that nobody will know.
fn unknown(_gone: RecvError) -> Result<Arc<Commit>, CommitError> {
    let reset = "the store's revision went back, or the store was replaced";
    Err(CommitError::Unknown(reset.to_owned()))
}

impl Store for LeaderStore {
    fn limits(&self) -> Limits {
        self.log.limits()
    }

    fn open(&self, sink: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        Box::pin(async move { Ok(self.open_when_floor_is_recorded(sink).await) })
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(self.commit_once(proposal))
    }

    fn derives_directories(&self) -> bool {
        true
    }

    fn indexes_per_state(&self) -> u64 {
        self.log.indexes_per_state()
    }

    /// What a shared store keeps of the past is not for one gateway to decide.
    fn trim(&self, _floors: RetentionFloors) {}

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.is_closed.store(true, Ordering::Release);
            self.follower.close();
        })
    }
}

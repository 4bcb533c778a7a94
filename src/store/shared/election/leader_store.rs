//! The store of one term: what the gateway that leads writes to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use crate::model::{Commit, Proposal};
use crate::store::shared::election::leadership::Leadership;
use crate::store::shared::log::{Log, SendError};
use crate::store::shared::watch_cache::follower::Follower;
use crate::store::{
    BoxFuture, CommitError, CommitSink, Limits, RetentionFloors, Store, StoreContents, StoreError,
};

/// How often it is looked whether the lead is lost while the record does not say yet what is to be told.
const NOTED: Duration = Duration::from_millis(50);

/// A log, for as long as this gateway leads.
#[derive(Debug)]
pub(in crate::store::shared) struct LeaderStore {
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    lead: Arc<Leadership>,
    closed: AtomicBool,
    /// Counts the writes whose outcome was not known.
    unknown: Counter,
}

impl LeaderStore {
    pub(in crate::store::shared) fn new(
        log: Arc<dyn Log>,
        follower: Arc<Follower>,
        lead: Arc<Leadership>,
        unknown: Counter,
    ) -> Self {
        Self {
            log,
            follower,
            lead,
            closed: AtomicBool::new(false),
            unknown,
        }
    }

    async fn commit_once(&self, proposal: Proposal) -> Result<Arc<Commit>, CommitError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(CommitError::Unavailable("the store is closed".to_owned()));
        }
        if !self.lead.may_write() {
            return Err(CommitError::Unavailable("the lead is lost".to_owned()));
        }
        let (write_id, mut told) = match self.follower.expect(&proposal) {
            Err(CommitError::Conflict) => {
                // It is decided anew on what the view shows then.
                self.follower.reached(0).await;
                return Err(CommitError::Conflict);
            }
            expected => expected?,
        };
        let mut taken = false;
        let refused = match self.log.send(write_id, proposal).await {
            Ok(()) => {
                taken = true;
                None
            }
            Err(SendError::Unknown(why)) => {
                // One line for all that the same fence settles.
                if self.lead.settle_by_fence(write_id.term) {
                    tracing::warn!(%why, "the outcome of a write is not known yet");
                }
                self.unknown.inc();
                None
            }
            Err(SendError::Nameless(why)) => {
                self.lead.give_up();
                Some(CommitError::Unknown(why))
            }
            Err(SendError::Conflict(revision)) => {
                // Refused is only what the view says, too: it is decided anew on what it shows then.
                self.follower.reached(revision).await;
                Some(CommitError::Conflict)
            }
            Err(SendError::Refused(why)) => Some(CommitError::Full(why)),
            Err(SendError::TooLarge(why)) => Some(CommitError::TooLarge(why)),
            Err(SendError::Unavailable(why)) => Some(CommitError::Unavailable(why)),
        };
        if let Some(error) = refused {
            // Told meanwhile, that is what became of it.
            if let Ok(outcome) = told.try_recv() {
                return outcome;
            }
            self.follower.forget(write_id);
            return Err(error);
        }
        let lost = "the store went back, or is another one";
        let outcome = tokio::select! {
            outcome = &mut told => outcome,
            // Heartbeats are told, or the lead had ended by now: this write was told without its name.
            () = tokio::time::sleep(self.lead.duration()), if taken => {
                self.lead.give_up();
                self.follower.forget(write_id);
                let untold = "it was taken, but is not told as this gateway's";
                return Err(CommitError::Unknown(untold.to_owned()));
            }
        };
        outcome.unwrap_or_else(|_| Err(CommitError::Unknown(lost.to_owned())))
    }

    async fn open_when_noted(&self, feed: Arc<dyn CommitSink>) -> StoreContents {
        let mut told = self.follower.told();
        loop {
            // What has changed until here is looked at now, and waited for else.
            told.mark_unchanged();
            if let Some(opened) = self.follower.open(&feed, self.lead.is_lost()) {
                return opened;
            }
            let _changed_or_lost = tokio::time::timeout(NOTED, told.changed()).await;
        }
    }
}

impl Store for LeaderStore {
    fn limits(&self) -> Limits {
        self.log.limits()
    }

    fn open(&self, feed: Arc<dyn CommitSink>) -> BoxFuture<'_, Result<StoreContents, StoreError>> {
        Box::pin(async move { Ok(self.open_when_noted(feed).await) })
    }

    fn commit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Arc<Commit>, CommitError>> {
        Box::pin(self.commit_once(proposal))
    }

    /// What the store keeps of the past is not for one gateway to say.
    fn trim(&self, _keep: RetentionFloors) {}

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.closed.store(true, Ordering::Release);
            self.follower.close();
        })
    }
}

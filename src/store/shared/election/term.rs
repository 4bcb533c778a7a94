//! A term: the time in which this gateway leads, with the store it serves from and the leader's background tasks.

use std::sync::Arc;
use std::time::Duration;

use crate::store::Store;
use crate::store::shared::election::leader_store::LeaderStore;
use crate::store::shared::election::leadership::Leadership;
use crate::store::shared::log::Log;
use crate::store::shared::members::registration;
use crate::store::shared::task::Task;
use crate::store::shared::watch_cache::follower::Follower;
use crate::store::shared::write_ids::WriteIds;

/// The pause between two cleanups.
const CLEANUP_PAUSE: Duration = Duration::from_millis(200);

/// The time between two prunings of the members.
const PRUNE_INTERVAL: Duration = Duration::from_secs(600);

/// A term of this gateway; dropping it ends leadership.
#[derive(Debug)]
pub struct Term {
    store: Arc<dyn Store>,
    leadership: Arc<Leadership>,
    heartbeats: Task,
    _cleanup: Task,
    _pruning: Task,
}

impl Term {
    /// Begins the term of a leadership that is acquired and that `heartbeats` keeps.
    pub(in crate::store::shared) fn begin(
        leadership: Arc<Leadership>,
        heartbeats: Task,
        holder: String,
        log: &Arc<dyn Log>,
        follower: &Arc<Follower>,
        write_ids: &Arc<WriteIds>,
    ) -> Self {
        let store = LeaderStore::new(
            Arc::clone(log),
            Arc::clone(follower),
            Arc::clone(&leadership),
        );
        follower.metrics.is_leader.set(1);
        Self {
            store: Arc::new(store),
            leadership,
            heartbeats,
            _cleanup: Task::spawn(clean_up(Arc::clone(log), Arc::clone(write_ids))),
            _pruning: Task::spawn(prune(Arc::clone(log), Arc::clone(follower), holder)),
        }
    }

    /// The store to open a keyspace over; once.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// The check that this gateway still leads: to be made after a read, before it is answered.
    pub fn check(&self) -> TermCheck {
        TermCheck(Arc::clone(&self.leadership))
    }

    /// Returns when leadership is lost.
    pub async fn lost(&mut self) {
        self.heartbeats.ended().await;
        self.leadership.end();
    }

    /// Releases leadership, so that another gateway takes over at once. To be called when nothing is read or written.
    pub async fn release(self) {
        self.heartbeats.abort();
        self.leadership.release().await;
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.leadership.end();
    }
}

/// The check that a gateway still leads.
#[derive(Clone, Debug)]
pub struct TermCheck(Arc<Leadership>);

impl TermCheck {
    /// Whether it leads now.
    pub fn is_valid(&self) -> bool {
        self.0.is_valid()
    }

    /// The same; where leadership cannot be renewed because nothing can be written, the store is asked who leads.
    pub async fn is_valid_or_confirmed(self) -> bool {
        self.0.is_valid_or_confirmed().await
    }
}

async fn clean_up(log: Arc<dyn Log>, write_ids: Arc<WriteIds>) -> ! {
    loop {
        log.cleanup_needed().await;
        if let Err(error) = log.clean_up(&write_ids).await {
            tracing::warn!(
                %error,
                "cleanup failed; clients are not affected, and it is tried again"
            );
        }
        tokio::time::sleep(CLEANUP_PAUSE).await;
    }
}

async fn prune(log: Arc<dyn Log>, follower: Arc<Follower>, holder: String) -> ! {
    loop {
        let (log, follower) = (Arc::clone(&log), Arc::clone(&follower));
        registration::prune_others(log, follower, holder.clone()).await;
        tokio::time::sleep(PRUNE_INTERVAL).await;
    }
}

//! A shared store, as one gateway uses it: it follows the log from the start, and yields a term whenever it leads.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::watch;

use crate::store::shared::election::candidate::Candidate;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::election::leadership::Leadership;
use crate::store::shared::election::term::Term;
use crate::store::shared::log::Log;
use crate::store::shared::members::member::Member;
use crate::store::shared::members::membership::Members;
use crate::store::shared::members::registration;
use crate::store::shared::metrics::Metrics;
use crate::store::shared::task::Task;
use crate::store::shared::watch_cache::follower::Follower;
use crate::store::shared::watch_cache::periodic_check;
use crate::store::shared::write_ids::WriteIds;

/// The first pause of a gateway that cannot lead before it stands again.
const SHORTEST: Duration = Duration::from_millis(200);

/// The longest such pause.
const LONGEST: Duration = Duration::from_secs(5);

/// A store that several gateways use.
#[derive(Debug)]
pub struct SharedStore {
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    _following: Task,
    _checking: Task,
    registration: Option<Task>,
    write_ids: Arc<WriteIds>,
    candidate: Candidate,
    holder: String,
    attempt_count: Arc<AtomicU64>,
}

impl SharedStore {
    /// Follows a log from now on. Must be called within a tokio runtime.
    pub(crate) fn start(log: Arc<dyn Log>, candidate: Candidate, metrics: Metrics) -> Self {
        let holder = uuid::Uuid::new_v4().to_string();
        let write_ids = Arc::<WriteIds>::default();
        let (follower, following) =
            Follower::start(Arc::clone(&log), &holder, Arc::clone(&write_ids), metrics);
        let check = periodic_check::run(Arc::clone(&log), Arc::clone(&follower));
        let registration = candidate.relay.as_ref().map(|relay| {
            let own = Member {
                name: candidate.name.clone(),
                certificate: relay.certificate.clone(),
            };
            let (log, follower) = (Arc::clone(&log), Arc::clone(&follower));
            Task::spawn(registration::keep_registered(
                log,
                follower,
                holder.clone(),
                own,
            ))
        });
        Self {
            log,
            follower,
            _following: following.into(),
            _checking: Task::spawn(check),
            registration,
            write_ids,
            candidate,
            holder,
            attempt_count: Arc::default(),
        }
    }

    /// Waits until this gateway leads. No write of an earlier term can take effect by then.
    pub async fn lead(&self) -> Term {
        let mut pause = SHORTEST;
        let mut reported = None;
        loop {
            let leadership = Arc::new(Leadership::new(
                self.candidate.clone(),
                self.holder.clone(),
                Arc::clone(&self.log),
                Arc::clone(&self.follower),
                Arc::clone(&self.attempt_count),
            ));
            leadership.acquire().await;
            let keeping = Arc::clone(&leadership);
            let heartbeats = Task::spawn(async move { keeping.keep().await });
            match self.log.clean_up(&self.write_ids).await {
                Ok(()) => return self.begin(leadership, heartbeats),
                Err(error) => {
                    if reported.replace(error.clone()).as_ref() != Some(&error) {
                        tracing::error!(
                            %error,
                            "this gateway cannot lead, and leaves leadership to others; trying again"
                        );
                    }
                    drop(heartbeats);
                    leadership.release().await;
                    self.follower.reopen_watch();
                    // Each attempt costs a term and two writes.
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST);
                }
            }
        }
    }

    fn begin(&self, leadership: Arc<Leadership>, heartbeats: Task) -> Term {
        // The cache that was only followed until now is served from now on.
        self.follower.request_check();
        let holder = self.holder.clone();
        let term = self.leader().map(|leader| leader.term);
        tracing::info!(term, "this gateway leads");
        Term::begin(
            leadership,
            heartbeats,
            holder,
            &self.log,
            &self.follower,
            &self.write_ids,
        )
    }

    /// Waits until the store was read once.
    pub async fn loaded(&self) {
        let mut status = self.follower.status();
        let _status = status.wait_for(|status| status.loaded).await;
    }

    /// The leader record, as this gateway sees it.
    pub fn leader(&self) -> Option<Arc<LeaderRecord>> {
        self.follower.status().borrow().leader.clone()
    }

    /// The leader and the members.
    pub fn members(&self) -> Members {
        Members::new(self.follower.status(), &self.holder)
    }

    /// Removes this gateway from the members, when it serves nobody any more.
    pub async fn leave(&mut self) {
        if let Some(registration) = self.registration.take() {
            drop(registration);
            registration::deregister(self.log.as_ref(), &self.holder).await;
        }
    }

    /// The error that keeps this gateway from reading the store, and the end of it.
    pub fn problem(&self) -> watch::Receiver<Option<String>> {
        self.follower.problem()
    }
}

//! Stores that several gateways share: one of them leads and writes, the others follow.
//!
//! The lead is a record among the data (`record`). Each write carries the leader's write id, and the order in which
//! changes are told decides what counts.

pub(crate) mod election;
pub(crate) mod log;
mod members;
pub(crate) mod metrics;
mod read_once;
mod watch_cache;
pub(crate) mod watched_state;
pub(crate) mod write_ids;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use self::election::leader_record::{LeaderRecord, Relay};
pub use self::election::leadership::Candidate;
pub use self::members::Members;
pub use self::members::member::Replica;
pub use self::metrics::Metrics;
pub(crate) use self::read_once::read;

use self::election::leader_store::LeaderStore;
use self::election::leadership::Leadership;
use self::log::Log;
use self::members::registration;
use self::watch_cache::follower::Follower;
use self::watch_cache::periodic_check;
use self::write_ids::WriteIds;
use crate::store::Store;

/// How long between two times that what was left behind is cleared up.
const SETTLE: Duration = Duration::from_millis(200);

/// How long until this gateway tries to lead again where it must not, at last.
const LONGEST: Duration = Duration::from_secs(5);

/// How long between two times that the leader asks which other gateways are alive.
const ROLL: Duration = Duration::from_secs(600);

/// A store that other gateways use as well.
#[derive(Debug)]
pub struct SharedStore {
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    _following: Task,
    _comparing: Task,
    present: Option<Task>,
    write_ids: Arc<WriteIds>,
    candidate: Candidate,
    holder: String,
    attempts: Arc<AtomicU64>,
}

impl SharedStore {
    /// Follows a log from now on. Must be called within a tokio runtime.
    pub(crate) fn start(log: Arc<dyn Log>, candidate: Candidate, metrics: Metrics) -> Self {
        let holder = uuid::Uuid::new_v4().to_string();
        let write_ids = Arc::<WriteIds>::default();
        let (follower, following) =
            Follower::start(Arc::clone(&log), &holder, Arc::clone(&write_ids), metrics);
        let compared = periodic_check::now_and_then(Arc::clone(&log), Arc::clone(&follower));
        let comparing = Task(tokio::spawn(async move {
            compared.await;
        }));
        let present = candidate.relay.as_ref().map(|relay| {
            let own = Replica {
                name: candidate.name.clone(),
                certificate: relay.certificate.clone(),
            };
            Task(tokio::spawn(registration::keep(
                Arc::clone(&log),
                Arc::clone(&follower),
                holder.clone(),
                own,
            )))
        });
        Self {
            log,
            follower,
            _following: Task(following),
            _comparing: comparing,
            present,
            write_ids,
            candidate,
            holder,
            attempts: Arc::default(),
        }
    }

    /// Waits until this gateway leads. Nothing else may come of an earlier term by then.
    pub async fn lead(&self) -> Term {
        let mut wait = SETTLE;
        let mut said = None;
        loop {
            let lead = Arc::new(Leadership::new(
                self.candidate.clone(),
                self.holder.clone(),
                Arc::clone(&self.log),
                Arc::clone(&self.follower),
                Arc::clone(&self.attempts),
                self.follower.metrics.clone(),
            ));
            lead.acquire().await;
            let keeping = Arc::clone(&lead);
            let kept = Task(tokio::spawn(async move { keeping.keep().await }));
            match self.log.settle(&self.write_ids).await {
                Ok(()) => {
                    // What it followed until now is served from now on.
                    self.follower.doubt();
                    return self.term(lead, kept);
                }
                Err(error) => {
                    if said.replace(error.clone()).as_ref() != Some(&error) {
                        tracing::error!(%error, "this gateway cannot lead");
                    }
                    drop(kept);
                    lead.release().await;
                    self.follower.reopen();
                    // Each try is a term, and two writes.
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(LONGEST);
                }
            }
        }
    }

    fn term(&self, lead: Arc<Leadership>, kept: Task) -> Term {
        let (log, write_ids) = (Arc::clone(&self.log), Arc::clone(&self.write_ids));
        let settling = Task(tokio::spawn(async move {
            loop {
                log.unsettled().await;
                if let Err(error) = log.settle(&write_ids).await {
                    tracing::warn!(%error, "what is left behind cannot be cleared up");
                }
                tokio::time::sleep(SETTLE).await;
            }
        }));
        let roll = Task(tokio::spawn({
            let (log, follower) = (Arc::clone(&self.log), Arc::clone(&self.follower));
            let holder = self.holder.clone();
            async move {
                loop {
                    let (log, follower) = (Arc::clone(&log), Arc::clone(&follower));
                    registration::call_the_roll(log, follower, holder.clone()).await;
                    tokio::time::sleep(ROLL).await;
                }
            }
        }));
        let store = LeaderStore::new(
            Arc::clone(&self.log),
            Arc::clone(&self.follower),
            Arc::clone(&lead),
            self.follower.metrics.unknown.clone(),
        );
        self.follower.metrics.is_leader.set(1);
        let term = self.leader().map(|lead| lead.term);
        tracing::info!(term, "this gateway leads");
        Term {
            store: Arc::new(store),
            lead,
            kept,
            _settling: settling,
            _roll: roll,
        }
    }

    /// Waits until the store was read once.
    pub async fn followed(&self) {
        let mut told = self.follower.told();
        let _told = told.wait_for(|told| told.loaded).await;
    }

    /// The lead's record, as it is told.
    pub fn leader(&self) -> Option<Arc<LeaderRecord>> {
        self.follower.told().borrow().lead.clone()
    }

    /// Follows who leads, and which gateways there are.
    pub fn roll(&self) -> Members {
        Members::new(self.follower.told(), &self.holder)
    }

    /// Takes this gateway off the roll, when it serves nobody any more.
    pub async fn leave(&mut self) {
        if let Some(present) = self.present.take() {
            drop(present);
            registration::leave(self.log.as_ref(), &self.holder).await;
        }
    }

    /// What stands in the way of reading the store now.
    pub fn problem(&self) -> watch::Receiver<Option<String>> {
        self.follower.problem()
    }
}

/// What goes on until this is dropped.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The time in which this gateway leads.
#[derive(Debug)]
pub struct Term {
    store: Arc<dyn Store>,
    lead: Arc<Leadership>,
    kept: Task,
    _settling: Task,
    _roll: Task,
}

impl Term {
    /// What to open a keyspace over; once.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// Asks whether this gateway still leads: after a read, before it is answered.
    pub fn holding(&self) -> Holding {
        Holding(Arc::clone(&self.lead))
    }

    /// Returns when the lead is lost.
    pub async fn lost(&mut self) {
        let _ended = (&mut self.kept.0).await;
        self.lead.drop_now();
    }

    /// Gives the lead up, so that another gateway has it at once. To be called when nothing is read or written.
    pub async fn release(self) {
        self.kept.0.abort();
        self.lead.release().await;
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.lead.drop_now();
    }
}

/// Whether a gateway leads.
#[derive(Clone, Debug)]
pub struct Holding(Arc<Leadership>);

impl Holding {
    /// Whether it leads now.
    pub fn held(&self) -> bool {
        self.0.held()
    }

    /// The same; where the lead cannot be renewed because nothing can be written, the store is asked who leads.
    pub async fn held_or_confirmed(self) -> bool {
        self.0.held_or_confirmed().await
    }
}

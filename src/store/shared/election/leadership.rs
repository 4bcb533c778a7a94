//! Leadership of one gateway: acquiring it, keeping it by heartbeats, and releasing it.
//!
//! The process that last wrote the leader record leads its term. How long is measured by the boot clock; everything else
//! follows the order in which the log's watch delivers records and writes.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::model::time;
use crate::store::shared::election::attempts::{Answer, Attempts};
use crate::store::shared::election::boot_clock;
use crate::store::shared::election::candidate::Candidate;
use crate::store::shared::election::leader_record::LeaderRecord;
use crate::store::shared::election::next_record;
use crate::store::shared::election::takeover::Takeover;
use crate::store::shared::election::validity::Validity;
use crate::store::shared::log::{Log, SendError};
use crate::store::shared::metrics::Metrics;
use crate::store::shared::watch_cache::follower::Follower;
use crate::store::shared::watch_cache::status::CacheStatus;

/// The leadership of this gateway, from its first attempt to its end.
#[derive(Debug)]
pub(in crate::store::shared) struct Leadership {
    candidate: Candidate,
    holder: String,
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    /// Counts the records that this process sent, in all its terms: one of an earlier term is not taken for one of this.
    attempt_count: Arc<AtomicU64>,
    validity: Validity,
    /// The last term that has a write of unknown outcome, 0 where there is none: the fence of the next term decides it.
    undecided_term: AtomicU64,
    /// This gateway must not lead.
    is_unfit: AtomicBool,
    wake: Notify,
    metrics: Metrics,
}

/// A record on its way.
type Sending = JoinHandle<Result<(), SendError>>;

impl Leadership {
    pub(in crate::store::shared) fn new(
        candidate: Candidate,
        holder: String,
        log: Arc<dyn Log>,
        follower: Arc<Follower>,
        attempt_count: Arc<AtomicU64>,
    ) -> Self {
        let metrics = follower.metrics.clone();
        Self {
            candidate,
            holder,
            log,
            follower,
            attempt_count,
            validity: Validity::default(),
            undecided_term: AtomicU64::new(0),
            is_unfit: AtomicBool::new(false),
            wake: Notify::new(),
            metrics,
        }
    }

    /// Whether this gateway leads now. To be asked after a read, before it is answered.
    pub(super) fn is_valid(&self) -> bool {
        self.validity.is_valid(boot_clock::now())
    }

    /// Whether the record was refused a moment ago, while nobody else led.
    fn is_confirmable(&self) -> bool {
        self.validity.is_confirmable(boot_clock::now())
    }

    /// Whether writes may be sent: where the record is refused, the log gives the reason for writes too.
    pub(super) fn may_write(&self) -> bool {
        self.is_valid() || self.is_confirmable()
    }

    /// Whether leadership goes on. Where the record cannot be written, it goes on until the log says that another gateway
    /// leads; on a log that cannot say, it ends here.
    async fn goes_on(&self) -> bool {
        // The answer that another gateway leads, or may lead, ends the confirmable time.
        self.is_valid_or_confirmed().await || self.is_confirmable()
    }

    /// As [`Leadership::is_valid`]; where the record cannot be written, the log is asked whether another gateway leads.
    pub(super) async fn is_valid_or_confirmed(&self) -> bool {
        self.is_valid() || (self.is_confirmable() && self.confirm().await)
    }

    /// Whether the log says now that nobody else leads.
    async fn confirm(&self) -> bool {
        let own = {
            let status = self.follower.status();
            let status = status.borrow();
            let revision = status.leader_revision;
            revision.filter(|_| status.is_led_by(&self.holder))
        };
        let confirmed = match own {
            Some(revision) => self.log.confirm_leader(revision).await,
            None => Ok(false),
        };
        if confirmed == Ok(false) {
            self.validity.end_confirmable();
            self.wake.notify_one();
        }
        confirmed == Ok(true)
    }

    /// After the record was refused: where the log can say who leads, reads go on for as long as after a heartbeat.
    async fn go_on_confirmed(&self) {
        let from = boot_clock::now();
        if !self.validity.is_ended() && self.confirm().await {
            let until = from + self.candidate.validity();
            self.validity.extend_confirmable(until);
        }
    }

    /// Asks for a term after this one, whose fence separates the writes that took effect from those that never will;
    /// says whether nobody has asked for it before.
    pub(super) fn decide_by_next_fence(&self, term: u64) -> bool {
        let asked = self.undecided_term.fetch_max(term, Ordering::AcqRel);
        self.wake.notify_one();
        asked < term
    }

    /// How long leadership lasts without a heartbeat.
    pub(super) fn duration(&self) -> Duration {
        self.candidate.duration
    }

    /// Ends leadership soon: the log loses the write ids of this gateway's writes.
    pub(super) fn give_up(&self) {
        self.is_unfit.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    /// Waits until leadership is free, and acquires it.
    pub(in crate::store::shared) async fn acquire(&self) {
        let mut updates = self.follower.status();
        let mut attempts = Attempts::default();
        loop {
            let status = updates.borrow_and_update().clone();
            // A record that was delivered too late does not count: the next term is sent.
            let leads = status.is_led_by(&self.holder)
                && self.extend(&status, &mut attempts)
                && self.is_valid();
            if leads && !status.must_raise_indexes() {
                tracing::debug!(term = status.leader_term(), "leadership acquired");
                return;
            }
            let (own, now) = (self.candidate.duration, Instant::now());
            match Takeover::decide(&status, &self.holder, own, now) {
                Takeover::NotLoaded => {
                    let _changed = updates.changed().await;
                }
                Takeover::At(at) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        _changed = updates.changed() => {}
                    }
                }
                Takeover::Now => {
                    let record = self.next_term(&status);
                    let sending = self.send(record, status.leader_revision, &mut attempts);
                    self.await_change(sending, &mut updates, &status).await;
                }
            }
        }
    }

    fn next_term(&self, status: &CacheStatus) -> LeaderRecord {
        next_record::of_next_term(status, &self.candidate, &self.holder, new_identity)
    }

    /// Sends a record once; the watch delivers it, or another one.
    fn send(
        &self,
        mut record: LeaderRecord,
        replaces: Option<u64>,
        attempts: &mut Attempts,
    ) -> Sending {
        record.attempt = self.attempt_count.fetch_add(1, Ordering::Relaxed);
        attempts.send(record.attempt, boot_clock::now());
        let log = Arc::clone(&self.log);
        tokio::spawn(async move { log.send_leader(record, replaces).await })
    }

    /// Waits until the watch delivers another record than `before` has. It waits only a little where the record was not
    /// taken, or nobody knows whether it was, as the next one has the same precondition. Where the watch delivers nothing
    /// for too long, it is opened again over a new connection.
    async fn await_change(
        &self,
        mut sending: Sending,
        updates: &mut watch::Receiver<CacheStatus>,
        before: &CacheStatus,
    ) {
        let patience = tokio::time::sleep(self.candidate.delivery_patience());
        let mut patience = pin!(patience);
        let (mut is_answered, mut is_retry) = (false, false);
        loop {
            let answered = tokio::select! {
                _changed = updates.wait_for(|now| now.leader_revision != before.leader_revision) => return,
                () = patience.as_mut() => {
                    // Where the record was not taken, the watch has nothing to deliver.
                    if !is_retry {
                        self.follower.reopen_watch();
                    }
                    return;
                }
                answered = &mut sending, if !is_answered => answered,
            };
            let Ok(result) = answered else {
                // The task panicked, or the runtime is ending.
                return;
            };
            is_answered = true;
            let answer = Answer::of(&result, self.is_valid());
            if let Err(error) = &result
                && answer != Answer::Awaited
            {
                // The reason is reported where entries are read or written.
                tracing::debug!(%error, "the leader record was not written");
            }
            match answer {
                Answer::Awaited => continue,
                Answer::Unattributed => return self.give_up(),
                Answer::Refused => self.go_on_confirmed().await,
                Answer::Failed => {}
            }
            is_retry = true;
            let again = Instant::now() + self.candidate.retry_pause();
            patience.as_mut().reset(again);
        }
    }

    /// Extends leadership by the record delivered, if this gateway sent it in this term; says whether it did.
    fn extend(&self, status: &CacheStatus, attempts: &mut Attempts) -> bool {
        let leader = status.leader.as_deref();
        let Some(grant) = leader.and_then(|leader| attempts.deliver(leader.attempt)) else {
            return false;
        };
        if grant.is_new {
            let took = boot_clock::now().saturating_sub(grant.sent_at);
            self.metrics.heartbeat.observe(took.as_secs_f64());
            self.validity.end_confirmable();
        }
        self.validity
            .extend(grant.sent_at + self.candidate.validity());
        true
    }

    /// Keeps leadership by heartbeats for as long as that works. Returns when it is lost.
    pub(in crate::store::shared) async fn keep(&self) {
        let mut updates = self.follower.status();
        let mut attempts = Attempts::default();
        let epoch = updates.borrow().epoch;
        // The record that `acquire` sent last is not among these attempts, so that the first heartbeat is due at once.
        let mut due = Instant::now();
        loop {
            let status = updates.borrow_and_update().clone();
            let is_own = status.is_led_by(&self.holder) && status.epoch == epoch;
            if !is_own || status.must_raise_indexes() {
                break;
            }
            let _extended = self.extend(&status, &mut attempts);
            if !self.goes_on().await || self.is_unfit.load(Ordering::Acquire) {
                break;
            }
            if let Some(record) = self.due_record(&status, &mut due) {
                let sending = self.send(record, status.leader_revision, &mut attempts);
                // But no longer than leadership lasts.
                let left = self.validity.left(boot_clock::now());
                let change = self.await_change(sending, &mut updates, &status);
                let _in_time = tokio::time::timeout(left, change).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.wake.notified() => {}
                _changed = updates.changed() => {}
            }
        }
        self.end();
        tracing::warn!(
            "leadership lost: this gateway closes its clients' connections and stands by"
        );
    }

    /// The record that the leader must send now: a new term where a write's outcome is unknown, or a heartbeat, which is due
    /// early where the record lacks the index floor.
    fn due_record(&self, status: &CacheStatus, due: &mut Instant) -> Option<LeaderRecord> {
        if self.undecided_term.load(Ordering::Acquire) >= status.leader_term() {
            return Some(self.next_term(status));
        }
        let now = Instant::now();
        if now < *due && status.is_floor_recorded() {
            return None;
        }
        *due = now + self.candidate.heartbeat_interval();
        next_record::of_heartbeat(status, time::unix_ms())
    }

    /// Whether leadership was never acquired, or has ended for good.
    pub(super) fn is_ended(&self) -> bool {
        self.validity.is_ended()
    }

    /// Ends leadership now and for good.
    pub(super) fn end(&self) {
        self.validity.end();
        self.metrics.is_leader.set(0);
    }

    /// Releases leadership, so that no other gateway needs to wait. To be called when nothing is read or written any more.
    pub(in crate::store::shared) async fn release(&self) {
        self.end();
        let patience = self.candidate.delivery_patience();
        let released = tokio::time::timeout(patience, self.try_release()).await;
        let why = match released {
            Ok(Ok(()) | Err(SendError::Unattributed(_))) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_late) => "the watch delivers nothing of the leader record".to_owned(),
        };
        tracing::warn!(
            why,
            "leadership could not be released: other gateways take over only when it expires"
        );
    }

    async fn try_release(&self) -> Result<(), SendError> {
        let mut updates = self.follower.status();
        loop {
            let status = updates.borrow_and_update().clone();
            let Some(record) = next_record::of_release(&status, &self.holder) else {
                return Ok(());
            };
            let replaces = status.leader_revision;
            match self.log.send_leader(record, replaces).await {
                // A heartbeat that was on its way came first, or the outcome is unknown until the watch delivers it.
                Err(SendError::Conflict(_) | SendError::Unknown(_)) => {
                    let _changed = updates
                        .wait_for(|now| now.leader_revision != replaces)
                        .await;
                }
                done => return done,
            }
        }
    }
}

fn new_identity() -> u64 {
    let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
    // JSON numbers are exact to 53 bits.
    high >> 11
}

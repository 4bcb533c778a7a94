//! Taking the lead, keeping it, giving it up.
//!
//! The record is the lead: whoever wrote it last leads its term. How long is told by the clock that runs while the
//! machine sleeps; all else by the order in which the log tells it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::model::time;
use crate::store::shared::election::boot_clock;
use crate::store::shared::election::leader_record::{LeaderRecord, Relay};
use crate::store::shared::log::{Log, SendError};
use crate::store::shared::metrics::Metrics;
use crate::store::shared::watch_cache::cache::Status;
use crate::store::shared::watch_cache::follower::Follower;

/// Added to an index that went back, over what was seen of it.
const RAISE: u64 = 1_000_000;

/// A record that did not leave is sent again after this at the latest.
const AGAIN: Duration = Duration::from_millis(250);

/// Who would lead.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What people call this gateway.
    pub name: String,
    /// Where other gateways reach it.
    pub relay: Option<Relay>,
    /// How long its lead is to last without a heartbeat.
    pub duration: Duration,
}

/// The lead of one gateway, while it lasts.
#[derive(Debug)]
pub(in crate::store::shared) struct Leadership {
    candidate: Candidate,
    holder: String,
    log: Arc<dyn Log>,
    follower: Arc<Follower>,
    /// Counts the records that this process sent, in all its terms: one of an earlier term is not taken for one of this.
    attempts: Arc<AtomicU64>,
    /// Until when it lasts, in nanoseconds of [`boot_clock`].
    until: AtomicU64,
    /// The last term with a write whose outcome is unknown, 0 where there is none: the next term is to settle it.
    unsettled: AtomicU64,
    /// Until when reads may be confirmed one by one, in nanoseconds of [`boot_clock`]: the record was refused, as
    /// anybody's would be, and nobody else led then.
    refused_until: AtomicU64,
    /// This gateway must not lead.
    unfit: AtomicBool,
    wake: Notify,
    metrics: Metrics,
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A record on its way.
type Sending = JoinHandle<Result<(), SendError>>;

/// What is sent and not told yet: when, by [`boot_clock`].
#[derive(Debug, Default)]
struct Sent {
    at: HashMap<u64, Duration>,
    /// The last that was told.
    told: Option<u64>,
}

impl Leadership {
    pub(in crate::store::shared) fn new(
        candidate: Candidate,
        holder: String,
        log: Arc<dyn Log>,
        follower: Arc<Follower>,
        attempts: Arc<AtomicU64>,
        metrics: Metrics,
    ) -> Self {
        Self {
            candidate,
            holder,
            log,
            follower,
            attempts,
            until: AtomicU64::new(0),
            unsettled: AtomicU64::new(0),
            refused_until: AtomicU64::new(0),
            unfit: AtomicBool::new(false),
            wake: Notify::new(),
            metrics,
        }
    }

    /// Whether this gateway leads now. To be asked after a read, before it is answered.
    pub(in crate::store::shared) fn held(&self) -> bool {
        nanos(boot_clock::now()) < self.until.load(Ordering::Acquire)
    }

    /// Whether the record was refused a moment ago.
    fn is_refused(&self) -> bool {
        nanos(boot_clock::now()) < self.refused_until.load(Ordering::Acquire)
    }

    /// Whether writes may be sent: what they are refused for is for the log to say.
    pub(in crate::store::shared) fn may_write(&self) -> bool {
        self.held() || self.is_refused()
    }

    /// Whether the lead goes on: where the record cannot be written, until the log says that another gateway leads. One that
    /// cannot tell ends it here.
    async fn goes_on(&self) -> bool {
        // An answer that another one does, or may, takes the refusal back.
        self.held_or_confirmed().await || self.is_refused()
    }

    /// As [`Leadership::held`]; where the record cannot be written, the log is asked whether another gateway leads.
    pub(in crate::store::shared) async fn held_or_confirmed(&self) -> bool {
        self.held() || (self.is_refused() && self.confirm().await)
    }

    /// Whether nobody else leads, as the log says now.
    async fn confirm(&self) -> bool {
        let ours = {
            let told = self.follower.told();
            let now = told.borrow();
            now.lead_revision.filter(|_| self.is_ours(&now))
        };
        let confirmed = match ours {
            Some(revision) => self.log.confirm(revision).await,
            None => Ok(false),
        };
        if confirmed == Ok(false) {
            self.refused_until.store(0, Ordering::Release);
            self.wake.notify_one();
        }
        confirmed == Ok(true)
    }

    /// The record was refused: where the log can tell who leads, reads go on, as long as after a heartbeat.
    async fn go_on_refused(&self) {
        let from = boot_clock::now();
        if self.held_once() && self.confirm().await {
            let until = nanos(from + self.lasts());
            self.refused_until.fetch_max(until, Ordering::AcqRel);
        }
    }

    /// Whether this term was ever granted and was not given up.
    fn held_once(&self) -> bool {
        self.until.load(Ordering::Acquire) > 0
    }

    /// A fifth less than others wait: clocks may differ in speed by as much.
    fn lasts(&self) -> Duration {
        self.candidate.duration.mul_f64(0.8)
    }

    /// Asks for a term after this one, which tells the writes that took effect from those that never will; says whether
    /// nobody has asked for it before.
    pub(in crate::store::shared) fn settle_by_fence(&self, term: u64) -> bool {
        let asked = self.unsettled.fetch_max(term, Ordering::AcqRel);
        self.wake.notify_one();
        asked < term
    }

    /// Whether somebody waits for a term after the one that was told.
    fn is_unsettled(&self, told: &Status) -> bool {
        let term = told.lead.as_deref().map_or(0, |lead| lead.term);
        self.unsettled.load(Ordering::Acquire) >= term
    }

    /// How long the lead lasts without a heartbeat.
    pub(in crate::store::shared) fn duration(&self) -> Duration {
        self.candidate.duration
    }

    /// Ends the lead soon: what this gateway writes is not told as its own.
    pub(in crate::store::shared) fn give_up(&self) {
        self.unfit.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn is_ours(&self, told: &Status) -> bool {
        told.lead
            .as_ref()
            .is_some_and(|lead| lead.holder == self.holder && !lead.released)
    }

    /// Waits until the lead is there to take, and takes it.
    pub(in crate::store::shared) async fn acquire(&self) {
        let mut told = self.follower.told();
        let mut sent = Sent::default();
        loop {
            let now = told.borrow_and_update().clone();
            // Told too late, it is taken once more.
            let lasts = self.is_ours(&now) && self.granted(&now, &mut sent) && self.held();
            if lasts && !is_outgrown(&now) {
                let term = now.lead.as_deref().map(|lead| lead.term);
                tracing::debug!(term, "the lead is taken");
                return;
            }
            let Some(from) = self.free_from(&now) else {
                let _changed = told.changed().await;
                continue;
            };
            if Instant::now() < from {
                tokio::select! {
                    () = tokio::time::sleep_until(from) => {}
                    _changed = told.changed() => {}
                }
                continue;
            }
            let sending = self.send(self.next_term(&now), now.lead_revision, &mut sent);
            self.await_change(sending, &mut told, &now).await;
        }
    }

    /// From when on the lead may be taken; `None` while nothing is known.
    fn free_from(&self, told: &Status) -> Option<Instant> {
        if !told.loaded {
            return None;
        }
        let duration = match told.lead.as_deref() {
            // Nobody can lead what was never written to.
            None if told.empty => Duration::ZERO,
            // Taken away: whoever had it may think for so long that it has it.
            None => told
                .last
                .as_ref()
                .map_or(self.candidate.duration, |lead| lead.duration()),
            Some(lead) if lead.released || lead.holder == self.holder => Duration::ZERO,
            Some(lead) => lead.duration(),
        };
        Some(told.since + duration)
    }

    fn next_term(&self, told: &Status) -> LeaderRecord {
        let known = told.last.as_deref();
        let offset = known.map_or(0, |lead| lead.offset);
        let short = told.highest.saturating_sub(told.revision);
        let raised = is_outgrown(told);
        let kept = known.filter(|_| !raised);
        let mut record = LeaderRecord {
            // Above every term that wrote: of those before, what is on its way is void.
            term: told.term.saturating_add(1),
            holder: self.holder.clone(),
            name: self.candidate.name.clone(),
            relay: self.candidate.relay.clone(),
            duration_ms: u64::try_from(self.candidate.duration.as_millis()).unwrap_or(u64::MAX),
            beat: 0,
            attempt: 0,
            released: false,
            identity: known.map_or_else(new_identity, |lead| lead.identity),
            offset: if raised {
                offset.max(told.outgrown.unwrap_or_default()) + short + RAISE
            } else {
                offset
            },
            // All three are indexes: with another offset they are none.
            past: kept.map(|lead| lead.past.clone()).unwrap_or_default(),
            fences: kept.map(|lead| lead.fences.clone()).unwrap_or_default(),
            floor: if raised {
                0
            } else {
                told.floor.max(kept.map_or(0, |lead| lead.floor))
            },
        };
        if !raised {
            note_fence(told, &mut record);
        }
        record
    }

    fn next_beat(told: &Status) -> Option<LeaderRecord> {
        let mut record = LeaderRecord::clone(told.lead.as_deref()?);
        note_fence(told, &mut record);
        record.beat += 1;
        record.note_past(told.lead_revision?, time::unix_ms());
        record.floor = record.floor.max(told.floor);
        Some(record)
    }

    /// Sends a record once; what became of it is told or not.
    fn send(&self, mut record: LeaderRecord, told: Option<u64>, sent: &mut Sent) -> Sending {
        record.attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        sent.at.insert(record.attempt, boot_clock::now());
        let log = Arc::clone(&self.log);
        tokio::spawn(async move { log.send_lead(record, told).await })
    }

    /// Waits for something else to be told: a little where the record was not taken, or nobody knows whether it was, as the
    /// next one bears the same guard; where that takes too long, over a new connection.
    async fn await_change(
        &self,
        mut sending: Sending,
        told: &mut watch::Receiver<Status>,
        known: &Status,
    ) {
        let patience = tokio::time::sleep(self.candidate.duration / 3);
        let mut patience = pin!(patience);
        let (mut answered, mut refused) = (false, false);
        loop {
            let ended = tokio::select! {
                _changed = told.wait_for(|told| told.lead_revision != known.lead_revision) => return,
                () = patience.as_mut() => {
                    // Where it was refused, nothing is to be told.
                    if !refused {
                        self.follower.reopen();
                    }
                    return;
                }
                ended = &mut sending, if !answered => ended,
            };
            answered = true;
            match ended {
                Ok(Ok(()) | Err(SendError::Conflict(_))) => {}
                Ok(Err(SendError::Nameless(why))) if self.held() => {
                    tracing::debug!(why, "the lead's record is not told as this gateway's");
                    self.give_up();
                    return;
                }
                Ok(Err(error)) => {
                    if matches!(error, SendError::Refused(_)) {
                        self.go_on_refused().await;
                    }
                    // Why is told where the store is read or written.
                    tracing::debug!(%error, "the lead's record is not written");
                    refused = true;
                    let again = (self.candidate.duration / 20).min(AGAIN);
                    patience.as_mut().reset(Instant::now() + again);
                }
                Err(_panicked_or_ended) => return,
            }
        }
    }

    /// Extends the lead by what was told of our own record; says whether it was one we sent.
    fn granted(&self, told: &Status, sent: &mut Sent) -> bool {
        let Some(lead) = told.lead.as_deref() else {
            return false;
        };
        let Some(at) = sent.at.get(&lead.attempt).copied() else {
            return false;
        };
        sent.at.retain(|attempt, _| *attempt >= lead.attempt);
        if sent.told.replace(lead.attempt) != Some(lead.attempt) {
            let took = boot_clock::now().saturating_sub(at);
            self.metrics.heartbeat.observe(took.as_secs_f64());
            self.refused_until.store(0, Ordering::Release);
        }
        let until = nanos(at + self.lasts());
        self.until.fetch_max(until, Ordering::AcqRel);
        true
    }

    /// Keeps the lead for as long as that works. Returns when it is lost.
    pub(in crate::store::shared) async fn keep(&self) {
        let mut told = self.follower.told();
        let mut sent = Sent::default();
        let epoch = told.borrow().epoch;
        // What `acquire` sent last may be granted here again.
        let mut next = Instant::now();
        loop {
            let now = told.borrow_and_update().clone();
            if !self.is_ours(&now) || now.epoch != epoch || is_outgrown(&now) {
                break;
            }
            let _granted = self.granted(&now, &mut sent);
            if !self.goes_on().await || self.unfit.load(Ordering::Acquire) {
                break;
            }
            let record = if self.is_unsettled(&now) {
                Some(self.next_term(&now))
            } else if Instant::now() >= next || !now.is_floor_noted() {
                next = Instant::now() + self.candidate.duration / 5;
                Self::next_beat(&now)
            } else {
                None
            };
            if let Some(record) = record {
                let sending = self.send(record, now.lead_revision, &mut sent);
                self.await_or_end(sending, &mut told, &now).await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.wake.notified() => {}
                _changed = told.changed() => {}
            }
        }
        self.drop_now();
        tracing::warn!("the lead is lost");
    }

    /// As [`Leadership::await_change`], but not past the end of the lead.
    async fn await_or_end(
        &self,
        sending: Sending,
        told: &mut watch::Receiver<Status>,
        known: &Status,
    ) {
        let until = self.until.load(Ordering::Acquire);
        let until = until.max(self.refused_until.load(Ordering::Acquire));
        let left = Duration::from_nanos(until).saturating_sub(boot_clock::now());
        let _ended = tokio::time::timeout(left, self.await_change(sending, told, known)).await;
    }

    /// Whether it leads no more, for good.
    pub(in crate::store::shared) fn is_lost(&self) -> bool {
        self.until.load(Ordering::Acquire) == 0
    }

    /// Leads no more, from now on.
    pub(in crate::store::shared) fn drop_now(&self) {
        self.until.store(0, Ordering::Release);
        self.refused_until.store(0, Ordering::Release);
        self.metrics.is_leader.set(0);
    }

    /// Gives the lead up, so that nobody needs to wait. To be called when nothing is read or written any more.
    pub(in crate::store::shared) async fn release(&self) {
        self.drop_now();
        let patience = self.candidate.duration / 3;
        let released = tokio::time::timeout(patience, self.try_release()).await;
        let why = match released {
            Ok(Ok(()) | Err(SendError::Nameless(_))) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_late) => "what is there of its record is not told".to_owned(),
        };
        tracing::warn!(
            why,
            "the lead could not be given up: others wait until it ends"
        );
    }

    async fn try_release(&self) -> Result<(), SendError> {
        let mut told = self.follower.told();
        loop {
            let now = told.borrow_and_update().clone();
            let (true, Some(lead)) = (self.is_ours(&now), now.lead.as_deref()) else {
                return Ok(());
            };
            let mut record = lead.clone();
            record.released = true;
            // Told again, it is not where the term began.
            note_fence(&now, &mut record);
            record.beat = record.beat.max(1);
            let sent = self.log.send_lead(record, now.lead_revision).await;
            match sent {
                // A heartbeat that was on its way came first, or what was sent is told or not.
                Err(SendError::Conflict(_) | SendError::Unknown(_)) => {
                    let _told = told
                        .wait_for(|told| told.lead_revision != now.lead_revision)
                        .await;
                }
                done => return done,
            }
        }
    }
}

/// Notes where the term of the last record began, whoever wrote it, if nobody has: a gateway that reads everything anew knows
/// by that which writes came too late.
fn note_fence(told: &Status, record: &mut LeaderRecord) {
    if let Some(fence) = told.fence {
        record.note_fence(fence);
    }
}

/// Whether indexes are to be raised before anything is served: clients have seen higher ones, or others of the same.
fn is_outgrown(told: &Status) -> bool {
    let offset = told.last.as_deref().map_or(0, |lead| lead.offset);
    told.highest > told.revision || told.outgrown.is_some_and(|outgrown| offset <= outgrown)
}

fn new_identity() -> u64 {
    let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
    // JSON numbers are exact to 53 bits.
    high >> 11
}

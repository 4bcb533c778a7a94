//! The follower of a shared log: it lists and watches the log into the watch cache, on a standby and on the leader alike.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::model::Proposal;
use crate::store::shared::log::{Log, LogContents, LogError, LogEvent};
use crate::store::shared::members::member;
use crate::store::shared::metrics::Metrics;
use crate::store::shared::watch_cache::cache::WatchCache;
use crate::store::shared::watch_cache::delivery_queue::WriteOutcome;
use crate::store::shared::watch_cache::retry::Retry;
use crate::store::shared::watch_cache::status::CacheStatus;
use crate::store::shared::write_ids::{WriteId, WriteIds};
use crate::store::{CommitError, CommitSink, StoreContents};

/// The time a watch gets to open before a request for another one breaks it off. A gateway that takes leadership asks
/// after each third of its duration, and would break off one watch after another on a busy machine.
const OPENING: Duration = Duration::from_secs(1);

/// The watch cache of a log, and the task that keeps it current.
pub(in crate::store::shared) struct Follower {
    cache: Mutex<WatchCache>,
    status: watch::Sender<CacheStatus>,
    reopen: Notify,
    check: Notify,
    relist: Notify,
    /// The error that keeps this gateway from reading the log now.
    problem: watch::Sender<Option<String>>,
    pub(in crate::store::shared) metrics: Metrics,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("status", &*self.status.borrow())
            .finish_non_exhaustive()
    }
}

impl Follower {
    /// Follows a log until the handle is aborted.
    pub(in crate::store::shared) fn start(
        log: Arc<dyn Log>,
        holder: &str,
        write_ids: Arc<WriteIds>,
        metrics: Metrics,
    ) -> (Arc<Self>, JoinHandle<()>) {
        let cache = WatchCache::new(holder, write_ids);
        let follower = Arc::new(Self {
            status: watch::Sender::new(cache.status.clone()),
            cache: Mutex::new(cache),
            reopen: Notify::new(),
            check: Notify::new(),
            relist: Notify::new(),
            problem: watch::Sender::new(None),
            metrics,
        });
        let run = Arc::clone(&follower).run(log);
        let task = tokio::spawn(async move {
            run.await;
        });
        (follower, task)
    }

    /// The cache's status, now and after each change.
    pub(in crate::store::shared) fn status(&self) -> watch::Receiver<CacheStatus> {
        self.status.subscribe()
    }

    /// The error that keeps this gateway from reading the log, and the end of it.
    pub(in crate::store::shared) fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.subscribe()
    }

    /// Opens the watch again, over a new connection: the present one may stay silent for ever.
    pub(in crate::store::shared) fn reopen_watch(&self) {
        self.reopen.notify_one();
    }

    /// Asks for a check of the cache against a full list.
    pub(in crate::store::shared) fn request_check(&self) {
        self.check.notify_one();
    }

    /// Returns when a check is requested.
    pub(super) async fn check_requested(&self) {
        self.check.notified().await;
    }

    /// Lists everything again, and delivers what differs.
    pub(super) fn request_relist(&self) {
        self.relist.notify_one();
    }

    /// Delivers to this keyspace from now on, and returns the contents it starts from; `None` while the leader record lacks
    /// the index floor of this gateway. Where leadership is lost the floor does not matter: nothing is answered.
    pub(in crate::store::shared) fn open(
        &self,
        sink: &Arc<dyn CommitSink>,
        is_lost: bool,
    ) -> Option<StoreContents> {
        let mut cache = self.cache.lock();
        if !is_lost && !cache.status.is_floor_recorded() {
            return None;
        }
        let contents = cache.open(Arc::clone(sink));
        drop(cache);
        tracing::info!(
            index = contents.revision,
            after = contents.history_floor,
            "clients can resume watches after this revision; of earlier changes only the last of each key is kept"
        );
        Some(contents)
    }

    /// Delivers to no keyspace any more.
    pub(in crate::store::shared) fn close(&self) {
        self.update(WatchCache::close);
    }

    /// Gives a write its id and waits for its outcome, if its preconditions hold in the cache.
    pub(in crate::store::shared) fn begin_write(
        &self,
        proposal: &Proposal,
    ) -> Result<(WriteId, oneshot::Receiver<WriteOutcome>), CommitError> {
        let mut cache = self.cache.lock();
        if !cache.preconditions_hold(proposal) {
            return Err(CommitError::Conflict);
        }
        let another_leads = || CommitError::Unavailable("another gateway leads".to_owned());
        cache.begin_write().ok_or_else(another_leads)
    }

    /// Waits for the outcome of a write no more.
    pub(in crate::store::shared) fn forget_write(&self, write_id: WriteId) {
        self.cache.lock().forget_write(write_id);
    }

    /// Returns when everything up to a revision was delivered, to the keyspace too.
    pub(in crate::store::shared) async fn reached(&self, revision: u64) {
        // The sender is in `self`, so it is not gone.
        let mut status = self.status();
        let reached = |status: &CacheStatus| status.revision >= revision && !status.is_behind;
        let _status = status.wait_for(reached).await;
    }

    fn update<T>(&self, change: impl FnOnce(&mut WatchCache) -> T) -> T {
        let mut cache = self.cache.lock();
        let changed = change(&mut cache);
        let term = i64::try_from(cache.status.leader_term()).unwrap_or(i64::MAX);
        self.metrics.term.set(term);
        // Sent under the lock, so that no older status is sent after it.
        self.status.send_replace(cache.status.clone());
        changed
    }

    async fn run(self: Arc<Self>, log: Arc<dyn Log>) -> ! {
        let mut retry = Retry::new();
        loop {
            let error = match log.load().await {
                Ok(list) => {
                    self.install(list, log.incarnation());
                    self.watch_until_gone(log.as_ref(), &mut retry).await
                }
                Err(error) => error,
            };
            self.pause(&error, &mut retry).await;
        }
    }

    fn install(&self, list: LogContents, incarnation: u64) {
        let after = list.revision;
        let (is_relist, known) = {
            let status = self.status.borrow();
            (status.loaded, status.revision)
        };
        self.update(|cache| cache.install(list, incarnation));
        if is_relist {
            self.metrics.relists.inc();
            tracing::info!(
                known,
                after,
                "the store was listed again; of the changes in between only the last of each key is known"
            );
        }
    }

    /// Watches from the last event on, over one connection after another, until the log no longer keeps the changes.
    async fn watch_until_gone(&self, log: &dyn Log, retry: &mut Retry) -> LogError {
        loop {
            let ended = self.watch_once(log, retry).await;
            self.metrics.readable.set(0);
            match ended {
                None => {}
                Some(LogError::Gone) => return LogError::Gone,
                Some(error) => self.pause(&error, retry).await,
            }
        }
    }

    /// Watches over one connection; `None` where another one is wanted.
    async fn watch_once(&self, log: &dyn Log, retry: &mut Retry) -> Option<LogError> {
        let begun = Instant::now();
        let mut opening = log.follow();
        let opened = loop {
            tokio::select! {
                opened = &mut opening => break opened,
                () = self.reopen.notified() => if begun.elapsed() >= OPENING {
                    return None;
                },
            }
        };
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(error) => return Some(error),
        };
        self.metrics.readable.set(1);
        retry.watch_opened();
        if self.problem.send_replace(None).is_some() {
            tracing::info!("the store is read again");
        }
        loop {
            let events = tokio::select! {
                events = stream.next() => events,
                () = self.reopen.notified() => return None,
                () = self.relist.notified() => return Some(LogError::Gone),
            };
            match events {
                Ok(events) => {
                    retry.events_arrived();
                    self.count(&events);
                    if self.update(|cache| cache.apply_events(events)) {
                        self.request_check();
                    }
                }
                Err(error) => return Some(error),
            }
        }
    }

    fn count(&self, events: &[LogEvent]) {
        for event in events {
            match event {
                LogEvent::Stale(_) => {
                    self.metrics.stale_writes.inc();
                }
                // A member's own record has no write id either.
                LogEvent::Commit {
                    commit,
                    write_id: None,
                } if !member::is_changed_by(commit) => {
                    self.metrics.external_writes.inc();
                }
                LogEvent::Commit { .. }
                | LogEvent::Leader { .. }
                | LogEvent::Refused(_)
                | LogEvent::Progress(_) => {}
            }
        }
    }

    async fn pause(&self, error: &LogError, retry: &mut Retry) {
        let pause = retry.after(error, Instant::now());
        if pause.is_problem {
            let line = Some(error.to_string());
            if self.problem.send_replace(line.clone()) != line {
                tracing::error!(
                    %error,
                    "cannot read the store; trying again, but this gateway cannot take over, or loses leadership, until it can"
                );
            }
        } else if *error == LogError::Gone {
            tracing::info!(
                "the store no longer keeps the changes since the last one read; it is listed again"
            );
        } else {
            tracing::debug!(%error, "the store's watch ended; it is opened again");
        }
        let slept = tokio::time::sleep(pause.length);
        if pause.is_asked {
            slept.await;
        } else {
            // A gateway that takes or keeps leadership must not wait through a pause that is longer than leadership lasts.
            // The pause also uses up a request for another watch: left over, it would break off the next one.
            tokio::select! {
                () = slept => {}
                () = self.reopen.notified() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::store::shared::watch_cache::broken_log::BrokenLog;

    fn follow(log: &Arc<BrokenLog>) -> (Arc<Follower>, JoinHandle<()>) {
        let log: Arc<dyn Log> = Arc::<BrokenLog>::clone(log);
        Follower::start(log, "holder", Arc::default(), Metrics::default())
    }

    #[tokio::test(start_paused = true)]
    async fn request_for_another_watch_cuts_a_long_pause_short() {
        let log = Arc::new(BrokenLog::default());
        let (follower, following) = follow(&log);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let before = log.followed.load(Ordering::Relaxed);
        // By now each pause has its full length.
        for _ in 0..3 {
            follower.reopen_watch();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let after = log.followed.load(Ordering::Relaxed);
        assert!(after >= before + 3, "{before} then {after} within 3 s");
        following.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn request_for_another_watch_does_not_break_off_one_that_is_opening() {
        let takes = Duration::from_millis(700);
        let log = Arc::new(BrokenLog {
            takes,
            ..BrokenLog::default()
        });
        let (follower, following) = follow(&log);
        // As a gateway asks that takes leadership, where that lasts for 1 s.
        for _ in 0..30 {
            follower.reopen_watch();
            tokio::time::sleep(Duration::from_millis(333)).await;
        }
        let opened = log.followed.load(Ordering::Relaxed);
        assert!(opened >= 5, "{opened} within 10 s");
        following.abort();
    }
}

//! Following a log, warm: for a gateway that stands by, and for the one that leads.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::model::Proposal;
use crate::store::shared::log::{Log, LogError, LogEvent};
use crate::store::shared::members::member;
use crate::store::shared::metrics::Metrics;
use crate::store::shared::watch_cache::cache::{Outcome, Status, View};
use crate::store::shared::write_ids::WriteId;
use crate::store::shared::write_ids::WriteIds;
use crate::store::{CommitError, CommitSink, StoreContents};

/// How long until a log that could not be read is tried again, at first.
const SHORTEST: Duration = Duration::from_millis(50);

/// And at last.
const LONGEST: Duration = Duration::from_secs(5);

/// How long a connection may take to be opened before another is tried because somebody wants one: whoever takes the lead
/// asks each third of its duration, and would break off one after another on a machine that is busy.
const OPENING: Duration = Duration::from_secs(1);

/// The longest that a log may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// To be busy for so long is a problem.
const BUSY: Duration = Duration::from_secs(10);

/// Everything a log holds, and every change as it comes.
pub(in crate::store::shared) struct Follower {
    view: Mutex<View>,
    told: watch::Sender<Status>,
    reopen: Notify,
    doubt: Notify,
    anew: Notify,
    /// What stands in the way of reading the log now.
    problem: watch::Sender<Option<String>>,
    /// Since when the log asks to come later.
    busy: Mutex<Option<Instant>>,
    pub(in crate::store::shared) metrics: Metrics,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("told", &*self.told.borrow())
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
        let view = View::new(holder, write_ids);
        let follower = Arc::new(Self {
            told: watch::Sender::new(view.told.clone()),
            view: Mutex::new(view),
            reopen: Notify::new(),
            doubt: Notify::new(),
            anew: Notify::new(),
            problem: watch::Sender::new(None),
            busy: Mutex::new(None),
            metrics,
        });
        let run = Arc::clone(&follower).run(log);
        let task = tokio::spawn(async move {
            run.await;
        });
        (follower, task)
    }

    /// What was told last, and what comes.
    pub(in crate::store::shared) fn told(&self) -> watch::Receiver<Status> {
        self.told.subscribe()
    }

    /// What stands in the way of reading the log, and when that ends.
    pub(in crate::store::shared) fn problem(&self) -> watch::Receiver<Option<String>> {
        self.problem.subscribe()
    }

    /// Reads on over a new connection: this one may be silent for ever.
    pub(in crate::store::shared) fn reopen(&self) {
        self.reopen.notify_one();
    }

    /// Wants what is known to be compared with what there is.
    pub(in crate::store::shared) fn doubt(&self) {
        self.doubt.notify_one();
    }

    /// Returns when that is wanted.
    pub(in crate::store::shared) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Reads everything anew, and tells what differs.
    pub(in crate::store::shared) fn load_anew(&self) {
        self.anew.notify_one();
    }

    /// Everything known, and whom to tell from now on; `None` while the lead's record does not say how high an index this
    /// gateway may tell of what is not there. A lead that is lost says nothing, and nothing is answered.
    pub(in crate::store::shared) fn open(
        &self,
        feed: &Arc<dyn CommitSink>,
        is_lost: bool,
    ) -> Option<StoreContents> {
        let mut view = self.view.lock();
        if !is_lost && !view.told.is_floor_noted() {
            return None;
        }
        let opened = view.open(Arc::clone(feed));
        drop(view);
        tracing::info!(
            index = opened.revision,
            after = opened.history_floor,
            "what happened after is known to clients that come back, and before that the last change of each key"
        );
        Some(opened)
    }

    pub(in crate::store::shared) fn close(&self) {
        self.change(View::close);
    }

    /// Names a write and waits for what becomes of it, if its guards hold by what is known.
    pub(in crate::store::shared) fn expect(
        &self,
        proposal: &Proposal,
    ) -> Result<(WriteId, oneshot::Receiver<Outcome>), CommitError> {
        let mut view = self.view.lock();
        if !view.allows(proposal) {
            return Err(CommitError::Conflict);
        }
        let away = || CommitError::Unavailable("another gateway leads".to_owned());
        view.expect().ok_or_else(away)
    }

    pub(in crate::store::shared) fn forget(&self, write_id: WriteId) {
        self.view.lock().forget(write_id);
    }

    /// Returns when everything up to a revision was told, to the keyspace too.
    pub(in crate::store::shared) async fn reached(&self, revision: u64) {
        // The sender is in `self`, so it is not gone.
        let mut told = self.told();
        let reached = |told: &Status| told.revision >= revision && !told.is_behind;
        let _told = told.wait_for(reached).await;
    }

    fn change<T>(&self, with: impl FnOnce(&mut View) -> T) -> T {
        let mut view = self.view.lock();
        let changed = with(&mut view);
        let term = view.told.lead.as_ref().map_or(0, |lead| lead.term);
        let term = i64::try_from(term).unwrap_or(i64::MAX);
        self.metrics.term.set(term);
        // Under the lock, so that nothing older is told after it.
        self.told.send_replace(view.told.clone());
        changed
    }

    async fn run(self: Arc<Self>, log: Arc<dyn Log>) -> ! {
        let mut wait = SHORTEST;
        loop {
            let ended = match log.load().await {
                Ok(loaded) => {
                    let after = loaded.revision;
                    let (again, known) = {
                        let told = self.told.borrow();
                        (told.loaded, told.revision)
                    };
                    let incarnation = log.incarnation();
                    self.change(|view| view.install(loaded, incarnation));
                    if again {
                        self.metrics.relists.inc();
                        tracing::info!(
                            known,
                            after,
                            "all was read anew; of what happened before, the last change of each key is known"
                        );
                    }
                    self.follow(log.as_ref(), &mut wait).await
                }
                Err(error) => error,
            };
            self.pause(&ended, &mut wait).await;
        }
    }

    /// Follows from what was told last until that is forgotten.
    async fn follow(&self, log: &dyn Log, wait: &mut Duration) -> LogError {
        loop {
            let ended = self.follow_once(log, wait).await;
            self.metrics.readable.set(0);
            match ended {
                None => {}
                Some(LogError::Gone) => return LogError::Gone,
                Some(error) => self.pause(&error, wait).await,
            }
        }
    }

    /// Follows over one connection; `None` where another is wanted.
    async fn follow_once(&self, log: &dyn Log, wait: &mut Duration) -> Option<LogError> {
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
        let mut tail = match opened {
            Ok(tail) => tail,
            Err(error) => return Some(error),
        };
        self.metrics.readable.set(1);
        *self.busy.lock() = None;
        if self.problem.send_replace(None).is_some() {
            tracing::info!("the store is read again");
        }
        loop {
            let news = tokio::select! {
                news = tail.next() => news,
                () = self.reopen.notified() => return None,
                () = self.anew.notified() => return Some(LogError::Gone),
            };
            match news {
                Ok(news) => {
                    *wait = SHORTEST;
                    self.count(&news);
                    if self.change(|view| view.take(news)) {
                        self.doubt();
                    }
                }
                Err(error) => return Some(error),
            }
        }
    }

    fn count(&self, news: &[LogEvent]) {
        for one in news {
            match one {
                LogEvent::Stale(_) => {
                    self.metrics.stale_writes.inc();
                }
                // A gateway's record of itself bears no write id either.
                LogEvent::Commit {
                    commit,
                    write_id: None,
                } if !member::concerns(commit) => {
                    self.metrics.external_writes.inc();
                }
                LogEvent::Commit { .. }
                | LogEvent::Leader { .. }
                | LogEvent::Refused(_)
                | LogEvent::Progress(_) => {}
            }
        }
    }

    async fn pause(&self, error: &LogError, wait: &mut Duration) {
        match error {
            LogError::Ended => tracing::debug!("the stream of changes ended"),
            LogError::Gone => tracing::info!("the changes since are forgotten: all is read anew"),
            LogError::Busy(..) if !self.is_long_busy() => {
                tracing::debug!(%error, "the store is read later");
            }
            LogError::Busy(..) | LogError::Unavailable(_) | LogError::Misconfigured(_) => {
                let line = Some(error.to_string());
                if self.problem.send_replace(line.clone()) != line {
                    tracing::error!(%error, "cannot read the store; trying again");
                }
            }
        }
        let asked = if let LogError::Busy(_, after) = error {
            (*after).min(LONGEST_ASKED)
        } else {
            Duration::ZERO
        };
        let pause = tokio::time::sleep(asked.max(*wait));
        *wait = (*wait * 2).min(LONGEST);
        if asked.is_zero() {
            // Whoever takes or keeps the lead does not wait through a pause that has grown longer than the lead lasts.
            // And a wish for another connection is over with the pause: kept, it would break off the next one.
            tokio::select! {
                () = pause => {}
                () = self.reopen.notified() => {}
            }
        } else {
            pause.await;
        }
    }

    /// Whether the log has been busy for so long that people are to know.
    fn is_long_busy(&self) -> bool {
        let since = *self.busy.lock().get_or_insert_with(Instant::now);
        since.elapsed() > BUSY
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::model::Key;
    use crate::store::shared::election::leader_record::LeaderRecord;
    use crate::store::shared::log::{LogContents, LogStream, SendError};
    use crate::store::{BoxFuture, Limits};

    /// A log whose every stream of changes ends as soon as it is open.
    #[derive(Debug, Default)]
    struct Broken {
        /// How long one takes to be opened.
        takes: Duration,
        /// How many were.
        followed: AtomicU32,
    }

    struct Ended;

    impl LogStream for Ended {
        fn next(&mut self) -> BoxFuture<'_, Result<Vec<LogEvent>, LogError>> {
            Box::pin(async { Err(LogError::Ended) })
        }
    }

    fn unavailable<T: Send>() -> BoxFuture<'static, Result<T, SendError>> {
        Box::pin(async { Err(SendError::Unavailable(String::new())) })
    }

    impl Log for Broken {
        fn limits(&self) -> Limits {
            Limits {
                value_bytes: 0,
                key_bytes: 0,
                writes: 0,
                commit_bytes: 0,
            }
        }

        fn load(&self) -> BoxFuture<'_, Result<LogContents, LogError>> {
            Box::pin(async { Ok(LogContents::default()) })
        }

        fn follow(&self) -> BoxFuture<'_, Result<Box<dyn LogStream>, LogError>> {
            Box::pin(async {
                tokio::time::sleep(self.takes).await;
                self.followed.fetch_add(1, Ordering::Relaxed);
                let tail: Box<dyn LogStream> = Box::new(Ended);
                Ok(tail)
            })
        }

        fn send(&self, _: WriteId, _: Proposal) -> BoxFuture<'_, Result<(), SendError>> {
            unavailable()
        }

        fn send_lead(
            &self,
            _: LeaderRecord,
            _: Option<u64>,
        ) -> BoxFuture<'_, Result<(), SendError>> {
            unavailable()
        }

        fn announce(&self, _: Key, _: Option<Bytes>) -> BoxFuture<'_, Result<(), SendError>> {
            unavailable()
        }

        fn settle<'a>(&'a self, _: &'a WriteIds) -> BoxFuture<'a, Result<(), SendError>> {
            unavailable()
        }

        fn compare(&self) -> BoxFuture<'_, Result<usize, LogError>> {
            Box::pin(async { Ok(0) })
        }

        fn unsettled(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::pending())
        }
    }

    fn follow(log: &Arc<Broken>) -> (Arc<Follower>, JoinHandle<()>) {
        let log: Arc<dyn Log> = Arc::<Broken>::clone(log);
        Follower::start(log, "holder", Arc::default(), Metrics::default())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_wants_another_connection_does_not_wait_through_a_long_pause() {
        let log = Arc::new(Broken::default());
        let (follower, following) = follow(&log);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let before = log.followed.load(Ordering::Relaxed);
        // By now each pause is as long as it gets.
        for _ in 0..3 {
            follower.reopen();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let after = log.followed.load(Ordering::Relaxed);
        assert!(after >= before + 3, "{before} then {after} within 3 s");
        following.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_being_opened_is_not_given_up_at_once() {
        let takes = Duration::from_millis(700);
        let log = Arc::new(Broken {
            takes,
            ..Broken::default()
        });
        let (follower, following) = follow(&log);
        // As whoever takes the lead wants it, where that lasts for 1 s.
        for _ in 0..30 {
            follower.reopen();
            tokio::time::sleep(Duration::from_millis(333)).await;
        }
        let opened = log.followed.load(Ordering::Relaxed);
        assert!(opened >= 5, "{opened} within 10 s");
        following.abort();
    }
}

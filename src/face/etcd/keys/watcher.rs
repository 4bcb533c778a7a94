//! Watcher: the source of a watch's body.
//!
//! When the gateway stops, a watch that resumes by an index gets an empty body: Go's client then asks for the same
//! index again, at this gateway or at another, and misses nothing. A watch "from now on" is broken off instead:
//! repeated, it would skip the events in between, while an error makes Docker read again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use parking_lot::Mutex;

use super::catch_up::{CatchUp, Missed, Past};
use super::commit_events::{CommitEvents, EventAt};
use super::encode::encode_event;
use super::event::NodeEvent;
use super::events_in_scope::{EventsInScope, NextEvent};
use super::find::check_watchable;
use super::parameters::Parameters;
use super::watch_scope::WatchScope;
use crate::face::etcd::chunks::{self, BrokenOff};
use crate::face::etcd::error::V2Error;
use crate::face::etcd::face::Face;
use crate::face::etcd::held_bytes;
use crate::face::etcd::request::ApiRequest;
use crate::face::etcd::small_or_heavy::small_or_heavy;
use crate::fairness::{Cost, Overloaded};
use crate::model::{Caller, Cause, Commit, Flow};
use crate::space::{Interrupted, Watch};

/// How many commits and keys are looked at at once, while nothing else is done.
const SMALL_STEP: usize = 256;

/// How many are looked at at once on a heavy thread.
const HEAVY_STEP: usize = 16_384;

/// The source of a watch's body.
pub(super) struct Watcher {
    face: Arc<Face>,
    caller: Caller,
    flow: Flow,
    scope: Arc<WatchScope>,
    /// The watch; none while the watcher catches up from far behind, as its queue would fill meanwhile.
    watch: Option<Watch>,
    /// The catch-up, while events from `since` on may have happened before the watch began.
    catch_up: Option<Arc<Mutex<CatchUp>>>,
    /// The next index: the client knows all earlier events, or did not ask for them.
    since: u64,
    stream: bool,
    /// Whether the client can resume by an index, so that it misses nothing.
    resumes: bool,
    /// Events not sent yet.
    unsent: Unsent,
    state: WatcherState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WatcherState {
    Waiting,
    Finished,
}

/// Events that were found and not sent yet.
enum Unsent {
    None,
    Commit(EventsInScope),
    Old(Arc<NodeEvent>),
}

/// Why a body ends.
enum End {
    /// The client is too slow, or what it missed is forgotten: it may ask again.
    Resumable,
    /// The client may no longer see the node.
    Forbidden,
    /// The gateway stops.
    Stopping,
}

impl Watcher {
    /// Begins to watch, and to look for what happened before; with the revision of the answer. An error where the client
    /// cannot resume there.
    pub(super) fn begin(
        request: &ApiRequest<'_>,
        parameters: &Parameters,
        scope: WatchScope,
    ) -> Result<(Self, u64), (V2Error, u64)> {
        let (face, caller) = (request.face, &request.caller);
        // In this order: watch, view, what was missed. No commit falls between them.
        let watch = face.space.watch(caller, scope.ranges());
        let revision = face.space.read(caller).revision();
        let resumes = parameters.wait_index > 0;
        let since = match parameters.wait_index {
            0 => revision + 1,
            index => index,
        };
        face.counters.watchers.fetch_add(1, Ordering::Relaxed);
        let mut watcher = Self {
            face: Arc::clone(face),
            caller: caller.clone(),
            flow: Flow::of(caller),
            scope: Arc::new(scope),
            watch: Some(watch),
            catch_up: resumes
                .then(|| Arc::new(Mutex::new(CatchUp::new(since, !parameters.stream)))),
            since,
            stream: parameters.stream,
            resumes,
            unsent: Unsent::None,
            state: WatcherState::Waiting,
        };
        match watcher.catch_up_at_once() {
            Ok(_is_far) => Ok((watcher, revision)),
            Err(error) => Err((error, revision)),
        }
    }

    fn past(&self) -> Past {
        Past {
            space: self.face.space.clone(),
            caller: self.caller.clone(),
            scope: Arc::clone(&self.scope),
            cache: Arc::clone(&self.face.events),
        }
    }

    /// Looks for what was missed as far as that is little work; says whether it was too little.
    fn catch_up_at_once(&mut self) -> Result<bool, V2Error> {
        let Some(catch_up) = &self.catch_up else {
            return Ok(false);
        };
        let missed = catch_up.lock().step(&self.past(), SMALL_STEP)?;
        let is_far = matches!(missed, Missed::NotYet);
        self.found(missed);
        Ok(is_far)
    }

    /// Looks for what was missed on heavy threads, until something is found or nothing is left.
    async fn catch_up_from_afar(&mut self) -> Result<(), End> {
        while let Some(catch_up) = &self.catch_up {
            let (catch_up, past) = (Arc::clone(catch_up), self.past());
            let step = move || catch_up.lock().step(&past, HEAVY_STEP);
            let fairness = &self.face.fairness;
            match fairness
                .run(self.flow, Cost::new(HEAVY_STEP, 0), step)
                .await
            {
                Ok(Ok(Missed::NotYet)) => {}
                Ok(Ok(missed)) => {
                    self.found(missed);
                    return Ok(());
                }
                Ok(Err(_cleared)) => return Err(End::Resumable),
                Err(overloaded) => pause(overloaded).await,
            }
        }
        Ok(())
    }

    /// Takes what a step of the catch-up has found.
    fn found(&mut self, missed: Missed) {
        match missed {
            Missed::Commit(events) => self.unsent = Unsent::Commit(events),
            Missed::Old(event) => self.unsent = Unsent::Old(event),
            Missed::NotYet => {}
            Missed::Nothing(since) => {
                self.since = since;
                if self.watch.is_some() {
                    self.catch_up = None;
                } else {
                    // What happens from now on is in its queue; what happened up to now is looked up once more.
                    self.watch = Some(self.face.space.watch(&self.caller, self.scope.ranges()));
                }
                return;
            }
        }
        // Its queue would fill while the client takes what it missed.
        self.watch = None;
    }

    /// Watches again, and looks up what happened in between.
    fn watch_again(&mut self) -> Result<(), End> {
        self.watch = Some(self.face.space.watch(&self.caller, self.scope.ranges()));
        let catch_up = CatchUp::new(self.since, !self.stream);
        self.catch_up = Some(Arc::new(Mutex::new(catch_up)));
        // The headers are sent: a repeated request is refused.
        check_watchable(&self.face.space, &self.caller, &self.scope)
            .map_err(|_denied| End::Forbidden)
    }

    /// The next event, as soon as there is one.
    async fn next_event(&mut self) -> Result<Bytes, End> {
        if self.watch.is_none() {
            // It catches up, so it need not wait: but there may be thousands of them.
            self.face.space.turn(&self.caller).await;
        }
        loop {
            if let Some(line) = self.next_unsent().await? {
                return Ok(line);
            }
            if self.catch_up.is_none() {
                self.next_commit().await?;
                continue;
            }
            let is_far = self.catch_up_at_once();
            if is_far.map_err(|_cleared| End::Resumable)? {
                self.catch_up_from_afar().await?;
            }
        }
    }

    /// Waits for the next commit.
    async fn next_commit(&mut self) -> Result<(), End> {
        let Some(watch) = &mut self.watch else {
            return self.watch_again();
        };
        match watch.next().await {
            Ok(commit) if commit.revision >= self.since => {
                self.since = commit.revision + 1;
                self.take_commit(&commit).await
            }
            Ok(_known) => Ok(()),
            // The client reads too slowly: as in etcd the stream ends, and the client may resume.
            Err(Interrupted::Lagged(_)) if self.stream => Err(End::Resumable),
            Err(Interrupted::Lagged(_) | Interrupted::RightsChanged) => self.watch_again(),
        }
    }

    async fn take_commit(&mut self, commit: &Arc<Commit>) -> Result<(), End> {
        if commit.cause == Cause::Refresh {
            return Ok(());
        }
        let events = self.face.events.of(commit);
        let mut order = None;
        while events.is_wide() && order.is_none() {
            match events.shared_order(&self.face.fairness, self.flow).await {
                Ok(made) => order = Some(made),
                Err(overloaded) => pause(overloaded).await,
            }
        }
        if let Some(events) = EventsInScope::of(events, &self.scope, order.as_deref()) {
            self.unsent = Unsent::Commit(events);
        }
        Ok(())
    }

    /// The next of the events that were found.
    async fn next_unsent(&mut self) -> Result<Option<Bytes>, End> {
        loop {
            let (events, next) = match &mut self.unsent {
                Unsent::None => return Ok(None),
                Unsent::Old(event) => {
                    let event = Arc::clone(event);
                    self.unsent = Unsent::None;
                    return self.encode_old(event).await.map(Some);
                }
                Unsent::Commit(events) => {
                    let view = self.face.space.read(&self.caller).to_watch();
                    let next = events.next(&self.scope, &view, SMALL_STEP);
                    (Arc::clone(events.events()), next)
                }
            };
            match next {
                NextEvent::At(at) => {
                    if let Some(line) = self.encoded(&events, at).await? {
                        return Ok(Some(line));
                    }
                }
                NextEvent::NotYet => tokio::task::yield_now().await,
                NextEvent::End => self.unsent = Unsent::None,
            }
        }
    }

    async fn encoded(&self, events: &Arc<CommitEvents>, at: EventAt) -> Result<Option<Bytes>, End> {
        loop {
            match events.encoded(at, &self.face.fairness, self.flow).await {
                Ok(line) => return Ok(line),
                Err(overloaded) => self.make_room(overloaded).await?,
            }
        }
    }

    async fn encode_old(&self, event: Arc<NodeEvent>) -> Result<Bytes, End> {
        let fairness = &self.face.fairness;
        let cost = Cost::new(1, event.value_len());
        loop {
            let line = {
                let event = Arc::clone(&event);
                small_or_heavy(fairness, self.flow, cost, move || encode_event(&event)).await
            };
            let held =
                line.and_then(|line| held_bytes::held(fairness.watch_queues(), self.flow, line));
            match held {
                Ok(line) => return Ok(line),
                Err(overloaded) => self.make_room(overloaded).await?,
            }
        }
    }

    /// There is no room for a long event: a stream ends as that of a slow reader does, a poll waits.
    async fn make_room(&self, overloaded: Overloaded) -> Result<(), End> {
        if self.stream {
            return Err(End::Resumable);
        }
        pause(overloaded).await;
        Ok(())
    }
}

async fn pause(overloaded: Overloaded) {
    tokio::time::sleep(overloaded.retry_after()).await;
}

impl chunks::ChunkSource for Watcher {
    async fn next(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        if self.state == WatcherState::Finished {
            return None;
        }
        let stopping = self.face.stopping.clone();
        let next = tokio::select! {
            biased;
            next = self.next_event() => next,
            () = stopping.wait() => Err(End::Stopping),
        };
        match next {
            Ok(line) => {
                self.resumes = true;
                if !self.stream {
                    self.state = WatcherState::Finished;
                    self.watch = None;
                }
                Some(Ok(line))
            }
            Err(end) => {
                self.state = WatcherState::Finished;
                let breaks_off = match end {
                    End::Resumable => false,
                    End::Forbidden | End::Stopping => !self.resumes,
                };
                self.face.space.watch_broke();
                breaks_off.then_some(Err(BrokenOff))
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if self.state == WatcherState::Waiting {
            self.face.space.watch_broke();
        }
        if self.face.counters.watchers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.face.events.clear();
        }
    }
}

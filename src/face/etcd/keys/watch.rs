//! `GET` with `wait`: watches a node, and answers with the next event, or with each event as it happens (`stream`).
//!
//! The head of the answer is sent at once and the event follows, however long that takes. When the client hangs up, the
//! body is dropped, and the watch with it.
//!
//! When the gateway stops, a watch that resumes by an index gets an empty body: Go's client then asks for the same
//! index again, at this gateway or at another, and misses nothing. A watch "from now on" is broken off instead:
//! repeated, it would skip the events in between, while an error makes Docker read again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::Bytes;
use http::StatusCode;

use super::encode::push_event;
use super::event::NodeEvent;
use super::find::is_hidden;
use super::missed_events;
use super::parameters::Parameters;
use super::watch_scope::WatchScope;
use crate::face::etcd::chunks::{self, BrokenOff};
use crate::face::etcd::error::V2Error;
use crate::face::etcd::face::Face;
use crate::face::etcd::reply::Reply;
use crate::face::etcd::request::ApiRequest;
use crate::model::Caller;
use crate::space::{Interrupted, Watch};

/// Answers with a body that sends the event, or the events, when they happen.
pub(super) fn serve(request: &ApiRequest<'_>, parameters: &Parameters) -> Result<Reply, Reply> {
    let (face, caller) = (request.face, &request.caller);
    let scope = WatchScope {
        path: parameters.path.clone(),
        recursive: parameters.recursive,
    };
    // In this order: watch, view, missed events. No commit falls between them.
    let watch = face.space.watch(caller, scope.ranges());
    let view = face.space.read(caller);
    let revision = view.revision();
    let mut watcher = Watcher {
        face: Arc::clone(face),
        caller: caller.clone(),
        scope,
        watch,
        since: match parameters.wait_index {
            0 => revision + 1,
            index => index,
        },
        behind: parameters.wait_index > 0,
        stream: parameters.stream,
        resumes: parameters.wait_index > 0,
        ready: VecDeque::new(),
        state: WatcherState::Waiting,
    };
    face.counters.watchers.fetch_add(1, Ordering::Relaxed);
    if let Err(error) = watcher.catch_up() {
        return Err(error.reply(revision));
    }
    let body = chunks::body(watcher);
    Ok(Reply::json(StatusCode::OK, body).revision(revision))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WatcherState {
    Waiting,
    Finished,
}

/// The source of a watch's body.
struct Watcher {
    face: Arc<Face>,
    caller: Caller,
    scope: WatchScope,
    watch: Watch,
    /// The next index: the client knows all earlier events, or did not ask for them.
    since: u64,
    /// Whether events from `since` on may have happened before the watch began.
    behind: bool,
    stream: bool,
    /// Whether the client can resume by an index, so that it misses nothing.
    resumes: bool,
    /// Events not sent yet.
    ready: VecDeque<NodeEvent>,
    state: WatcherState,
}

impl Watcher {
    /// Looks up the next event from before the watch began, if there is one.
    fn catch_up(&mut self) -> Result<(), V2Error> {
        if self.behind {
            let view = self.face.space.read(&self.caller);
            match missed_events::find(&self.face.space, &view, &self.scope, self.since)? {
                Some((index, events)) => {
                    self.since = index + 1;
                    self.ready.extend(events);
                }
                None => self.behind = false,
            }
        }
        Ok(())
    }

    /// Watches again, and looks up what happened in between.
    fn watch_again(&mut self) {
        self.watch = self.face.space.watch(&self.caller, self.scope.ranges());
        self.behind = true;
    }

    /// Waits for the next events; `false` where the body ends instead.
    async fn wait(&mut self) -> bool {
        while self.ready.is_empty() {
            if self.behind {
                if self.catch_up().is_err() {
                    return false;
                }
                continue;
            }
            match self.watch.next().await {
                Ok(commit) if commit.revision >= self.since => {
                    let view = self.face.space.read(&self.caller);
                    let events = self.scope.events(&commit, &view);
                    self.since = commit.revision + 1;
                    self.ready.extend(events);
                }
                Ok(_) => {}
                // The client reads too slowly: as in etcd the stream ends, and the client may resume.
                Err(Interrupted::Lagged(_)) if self.stream => return false,
                Err(Interrupted::Lagged(_)) => self.watch_again(),
                Err(Interrupted::RightsChanged) => {
                    self.watch_again();
                    let visibility = self.face.space.visibility(&self.caller);
                    if is_hidden(&visibility, &self.scope.path) {
                        // The headers are sent: a repeated request is refused.
                        self.state = WatcherState::Finished;
                        return false;
                    }
                }
            }
        }
        true
    }
}

impl chunks::ChunkSource for Watcher {
    async fn next(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        if self.state == WatcherState::Finished {
            return None;
        }
        if self.ready.is_empty() {
            let stopping = self.face.stopping.clone();
            let has_events = tokio::select! {
                biased;
                more = self.wait() => more,
                () = stopping.wait() => {
                    self.state = WatcherState::Finished;
                    return (!self.resumes).then_some(Err(BrokenOff));
                }
            };
            if !has_events {
                let ended = self.state == WatcherState::Finished;
                return (ended && !self.resumes).then_some(Err(BrokenOff));
            }
        }
        let event = self.ready.pop_front()?;
        self.resumes = true;
        if !self.stream {
            self.state = WatcherState::Finished;
        }
        let mut body = Vec::with_capacity(256);
        push_event(&mut body, &event);
        Some(Ok(body.into()))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.face.counters.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

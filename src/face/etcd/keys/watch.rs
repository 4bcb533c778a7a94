//! `GET` with `wait`: answers with the next change, or with each one as it happens.
//!
//! The headers go out at once and the answer follows when there is one, however long that takes. A client that hangs
//! up frees its poll: the body is dropped, and the watch with it.
//!
//! When the gateway stops, a poll that resumes by an index is answered by an empty body, upon which Go's client asks
//! for the same index again, there or at another gateway, and misses nothing. One that watches "from now on" is broken
//! off instead: asked anew it would skip what happened meanwhile, while an error makes Docker read again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use http::{Response, StatusCode};

use super::encode::push_event;
use super::event::Event;
use super::find::is_hidden;
use super::past;
use super::request::KeysRequest;
use super::watched::Watched;
use crate::face::etcd::chunks::{self, BrokenOff};
use crate::face::etcd::error::Error;
use crate::face::etcd::{Face, reply};
use crate::model::Caller;
use crate::space::{Interrupted, Watch};

/// Answers a watch.
pub(super) fn serve(face: &Arc<Face>, caller: &Caller, asked: &KeysRequest) -> Response<Body> {
    let watched = Watched {
        path: asked.path.clone(),
        recursive: asked.recursive,
    };
    // The watch before the view, the view before the past: nothing happens unseen between them.
    let watch = face.space.watch(caller, watched.ranges());
    let view = face.space.read(caller);
    let revision = view.revision();
    let mut poll = Poll {
        face: Arc::clone(face),
        caller: caller.clone(),
        watched,
        watch,
        since: match asked.wait_index {
            0 => revision + 1,
            index => index,
        },
        behind: asked.wait_index > 0,
        stream: asked.stream,
        resumes: asked.wait_index > 0,
        ready: VecDeque::new(),
        phase: Phase::Parked,
    };
    face.counters.watchers.fetch_add(1, Ordering::Relaxed);
    if let Err(error) = poll.catch_up() {
        return error.answer(revision);
    }
    let mut answer = reply::json(StatusCode::OK, chunks::body(poll));
    reply::set_position(&mut answer, revision);
    answer
}

/// Whether there is more to come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Parked,
    Over,
}

/// A parked poll.
struct Poll {
    face: Arc<Face>,
    caller: Caller,
    watched: Watched,
    watch: Watch,
    /// What happened before this index is known to the client, or was not asked for.
    since: u64,
    /// Whether something from `since` on may have happened before the watch began.
    behind: bool,
    stream: bool,
    /// Whether the client can ask again and miss nothing.
    resumes: bool,
    /// Events not sent yet.
    ready: VecDeque<Event>,
    phase: Phase,
}

impl Poll {
    /// Looks up the next thing that happened before the watch began, if anything did.
    fn catch_up(&mut self) -> Result<(), Error> {
        if self.behind {
            let view = self.face.space.read(&self.caller);
            match past::find(&self.face.space, &view, &self.watched, self.since)? {
                Some((index, events)) => {
                    self.since = index + 1;
                    self.ready.extend(events);
                }
                None => self.behind = false,
            }
        }
        Ok(())
    }

    /// Watches again, and looks up what happened meanwhile.
    fn begin_again(&mut self) {
        self.watch = self.face.space.watch(&self.caller, self.watched.ranges());
        self.behind = true;
    }

    /// Waits for something to tell; `false` where there will be nothing more.
    async fn park(&mut self) -> bool {
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
                    let events = self.watched.events(&commit, &view);
                    self.since = commit.revision + 1;
                    self.ready.extend(events);
                }
                Ok(_) => {}
                // Too slow to read: as etcd does, the stream ends, and the client may resume.
                Err(Interrupted::Lagged(_)) if self.stream => return false,
                Err(Interrupted::Lagged(_)) => self.begin_again(),
                Err(Interrupted::RightsChanged) => {
                    self.begin_again();
                    let visibility = self.face.space.visibility(&self.caller);
                    if is_hidden(&visibility, &self.watched.path) {
                        // The headers are out: asked again, it is refused.
                        self.phase = Phase::Over;
                        return false;
                    }
                }
            }
        }
        true
    }
}

impl chunks::Source for Poll {
    async fn next(&mut self) -> Option<Result<Bytes, BrokenOff>> {
        if self.phase == Phase::Over {
            return None;
        }
        if self.ready.is_empty() {
            let stopping = self.face.stopping.clone();
            let parked = tokio::select! {
                biased;
                more = self.park() => more,
                () = stopping.wait() => {
                    self.phase = Phase::Over;
                    return (!self.resumes).then_some(Err(BrokenOff));
                }
            };
            if !parked {
                let ended = self.phase == Phase::Over;
                return (ended && !self.resumes).then_some(Err(BrokenOff));
            }
        }
        let event = self.ready.pop_front()?;
        self.resumes = true;
        if !self.stream {
            self.phase = Phase::Over;
        }
        let mut body = Vec::with_capacity(256);
        push_event(&mut body, &event);
        Some(Ok(body.into()))
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.face.counters.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

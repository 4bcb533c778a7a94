//! `Endings`: what ends a connection whatever its client does.

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::oneshot;

use crate::face::server::Stopping;
use crate::model::Key;
use crate::space::Watch;

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndCause {
    /// Another connection has taken the session up.
    Moved,
    /// The session has ended, or nobody knows.
    SessionEnded,
    /// The gateway is stopping.
    Stopping,
}

/// What may end a connection, each once.
#[derive(Debug)]
pub(super) struct Endings {
    /// One future, in a set that polls it only after it was woken itself. A connection is polled several times for each request, and
    /// what may end it hardly ever happens: to poll that each time costs locks and places in lists of waiters.
    next: FuturesUnordered<BoxFuture<'static, (EndCause, EndSources)>>,
    is_stopping: bool,
}

/// Where it is learned from.
#[derive(Debug)]
pub(super) struct EndSources {
    /// Ready when another connection has taken the session up.
    pub(super) moved: oneshot::Receiver<()>,
    /// Of the session's record; `None` once the session has ended.
    pub(super) lease: Option<Watch>,
    pub(super) record: Key,
    /// `None` once the gateway is stopping.
    pub(super) stopping: Option<Stopping>,
}

impl Endings {
    pub(super) fn new(sources: EndSources) -> Self {
        Self {
            next: [sources.next().boxed()].into_iter().collect(),
            is_stopping: false,
        }
    }

    /// Waits for the next of them. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> EndCause {
        let Some((cause, sources)) = self.next.next().await else {
            return std::future::pending().await;
        };
        self.next.push(sources.next().boxed());
        self.is_stopping |= cause == EndCause::Stopping;
        cause
    }

    /// Whether the gateway is stopping, as far as was observed.
    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping
    }
}

impl EndSources {
    async fn next(mut self) -> (EndCause, Self) {
        let cause = tokio::select! {
            biased;
            _moved = &mut self.moved => EndCause::Moved,
            () = session_ended(self.lease.as_mut(), &self.record) => EndCause::SessionEnded,
            () = stopped(self.stopping.as_ref()) => EndCause::Stopping,
        };
        match cause {
            EndCause::Moved => {}
            EndCause::SessionEnded => self.lease = None,
            EndCause::Stopping => self.stopping = None,
        }
        (cause, self)
    }
}

/// Returns when the session of this record has ended, or nobody knows whether it has.
async fn session_ended(lease: Option<&mut Watch>, record: &Key) {
    let Some(lease) = lease else {
        return std::future::pending().await;
    };
    while let Ok(commit) = lease.next().await
        && commit.entry(record).is_some()
    {}
}

async fn stopped(stopping: Option<&Stopping>) {
    match stopping {
        Some(stopping) => stopping.wait().await,
        None => std::future::pending().await,
    }
}

//! Changes in flight: a change on its way to the store outlives the request that made it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::critical_section::WriteLocks;
use crate::model::Commit;
use crate::store::CommitError;

type Outcome = Result<Arc<Commit>, CommitError>;

/// Yields the outcome of a commit, and keeps its locks until the outcome is known. When it is dropped earlier, because the
/// client hung up, the rest goes on by itself: nothing is decided on what it may still change.
///
/// It is polled in place rather than spawned from the start, which would cost every write two more switches of task.
pub(crate) struct InFlight(Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>);

impl InFlight {
    pub(crate) fn new(
        commit: impl Future<Output = Outcome> + Send + 'static,
        locks: WriteLocks,
    ) -> Self {
        Self(Some(Box::pin(async move {
            let outcome = commit.await;
            drop(locks);
            outcome
        })))
    }
}

impl Future for InFlight {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        // Taken out while it is polled: should it panic, it is not polled again.
        let Some(mut rest) = self.0.take() else {
            let why = "the store panicked".to_owned();
            return Poll::Ready(Err(CommitError::Unknown(why)));
        };
        let polled = rest.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(rest);
        }
        polled
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // Without a runtime the gateway is ending, and the outcome stays unknown.
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(rest));
        }
    }
}

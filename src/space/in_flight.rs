//! Changes in flight: a change on its way to the store outlives the request that made it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::critical_section::WriteLocks;
use crate::model::Commit;
use crate::store::{AcceptedOutcome, CommitError};

type Outcome = Result<Arc<Commit>, CommitError>;

type Rest<K> = Pin<Box<dyn Future<Output = (Outcome, Option<K>)> + Send>>;

/// Yields the outcome of a commit, and what was kept until then; keeps its locks until the outcome is known. When it is
/// dropped earlier, because the client hung up, the rest goes on by itself: nothing is decided on what it may still change.
///
/// It is polled in place rather than spawned from the start, which would cost every write two more switches of task.
pub(crate) struct InFlight<K: Send + 'static>(Option<Rest<K>>);

impl<K: Send + 'static> InFlight<K> {
    pub(crate) fn new(
        commit: impl Future<Output = Outcome> + Send + 'static,
        locks: WriteLocks,
        kept: Option<K>,
    ) -> Self {
        Self(Some(Box::pin(async move {
            let outcome = commit.await;
            drop(locks);
            (outcome, kept)
        })))
    }
}

impl<K: Send + 'static> Future for InFlight<K> {
    type Output = (Outcome, Option<K>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out while it is polled: should it panic, it is not polled again.
        let Some(mut rest) = self.0.take() else {
            let why = "the store panicked".to_owned();
            return Poll::Ready((Err(CommitError::Unknown(why)), None));
        };
        let polled = rest.as_mut().poll(context);
        if polled.is_pending() {
            self.0 = Some(rest);
        }
        polled
    }
}

impl<K: Send + 'static> Drop for InFlight<K> {
    fn drop(&mut self) {
        // Without a runtime the gateway is ending, and the outcome stays unknown.
        if let Some(rest) = self.0.take()
            && let Ok(runtime) = Handle::try_current()
        {
            drop(runtime.spawn(async move { drop(rest.await) }));
        }
    }
}

/// The outcome of what a store has accepted without locks. `kept` is away meanwhile: dropped earlier, this keeps it until
/// the outcome is known. Costs no allocation, and no task where nobody hangs up.
pub(crate) async fn accepted<K: Send + 'static>(
    outcome: oneshot::Receiver<AcceptedOutcome>,
    kept: &mut Option<K>,
) -> Result<AcceptedOutcome, oneshot::error::RecvError> {
    let mut keeping = Keeping {
        outcome,
        kept: kept.take(),
    };
    let outcome = (&mut keeping.outcome).await;
    *kept = keeping.kept.take();
    outcome
}

struct Keeping<K: Send + 'static> {
    outcome: oneshot::Receiver<AcceptedOutcome>,
    /// `None` once the outcome is known.
    kept: Option<K>,
}

impl<K: Send + 'static> Drop for Keeping<K> {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take()
            && let Ok(runtime) = Handle::try_current()
        {
            let (_, known) = oneshot::channel();
            let outcome = std::mem::replace(&mut self.outcome, known);
            drop(runtime.spawn(async move {
                let _outcome = outcome.await;
                drop(kept);
            }));
        }
    }
}

//! A change on its way to the store, which outlives whoever asked for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::critical_section::Pass;
use crate::model::{Commit, Proposal};
use crate::store::{CommitError, Store};

type Outcome = Result<Arc<Commit>, CommitError>;

/// Gives the outcome of a proposal, and holds its footprint until that is known. Dropped earlier, by a client that
/// hung up, the rest goes on by itself: nobody decides on what it may still change.
///
/// It is polled in place rather than spawned from the start, which would cost every write two more switches of task.
pub(crate) struct InFlight(Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>);

impl InFlight {
    pub(crate) fn new(store: Arc<dyn Store>, pass: Pass, proposal: Proposal) -> Self {
        Self(Some(Box::pin(async move {
            let outcome = store.commit(proposal).await;
            drop(pass);
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

//! `SessionWatcher`: the events of a node, or of a node and everything beneath it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::state::Shared;
use crate::bench::client::Failure;
use crate::wire::zookeeper::WatcherEvent;

/// Receives the events of a session at a path, whichever request armed the watch, until it is dropped.
#[derive(Debug)]
pub struct SessionWatcher {
    shared: Arc<Shared>,
    number: u64,
}

impl SessionWatcher {
    pub(super) fn new(shared: &Arc<Shared>, path: &str, is_recursive: bool) -> Self {
        Self {
            shared: Arc::clone(shared),
            number: shared.lock().watchers.add(path, is_recursive),
        }
    }

    /// Waits for the next event. Fails once the session has ended and all events were taken.
    pub async fn next(&mut self) -> Result<WatcherEvent, Failure> {
        poll_fn(|cx| {
            let mut state = self.shared.lock();
            match (state.watchers.poll_event(self.number, cx), &state.failure) {
                (Poll::Ready(event), _) => Poll::Ready(Ok(event)),
                (Poll::Pending, Some(failure)) => Poll::Ready(Err(failure.clone())),
                (Poll::Pending, None) => Poll::Pending,
            }
        })
        .await
    }
}

impl Drop for SessionWatcher {
    fn drop(&mut self) {
        self.shared.lock().watchers.remove(self.number);
    }
}

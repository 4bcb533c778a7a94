//! Shared work: done once for all clients, in the turn of whichever comes first.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::fairness::{Cost, Fairness, Overloaded};
use crate::model::Flow;

/// Work whose result all share. No client waits for the turn of another, who may be greedy: of each client one request
/// waits for its turn, and the first to have it does the work.
#[derive(Debug)]
pub(super) struct SharedWork<T> {
    done: OnceLock<T>,
    turns: Mutex<HashMap<Flow, Arc<OnceCell<()>>>>,
}

impl<T> Default for SharedWork<T> {
    fn default() -> Self {
        Self {
            done: OnceLock::new(),
            turns: Mutex::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> SharedWork<T> {
    /// The result, where the work is done.
    pub(super) fn get(&self) -> Option<T> {
        self.done.get().cloned()
    }

    /// The result; the work is done here where nobody has done it yet, at once where it is small.
    pub(super) async fn get_or_do(
        self: &Arc<Self>,
        fairness: &Fairness,
        flow: Flow,
        cost: Cost,
        work: impl FnOnce() -> Result<T, Overloaded> + Send + 'static,
    ) -> Result<T, Overloaded> {
        if let Some(done) = self.get() {
            return Ok(done);
        }
        if cost.is_small() {
            return self.do_unless_done(work);
        }
        let turn = Arc::clone(self.turns.lock().entry(flow).or_default());
        let own = Arc::clone(self);
        let work = || async {
            let done = fairness.run(flow, cost, move || own.do_unless_done(work));
            done.await?.map(|_done| ())
        };
        turn.get_or_try_init(work).await?;
        self.get().ok_or(Overloaded::Stopping)
    }

    /// Does the work, unless it is done. Two may do it side by side: neither waits for the other.
    pub(super) fn do_unless_done(
        &self,
        work: impl FnOnce() -> Result<T, Overloaded>,
    ) -> Result<T, Overloaded> {
        if let Some(done) = self.get() {
            return Ok(done);
        }
        let done = work()?;
        let _another_was_first = self.done.set(done.clone());
        Ok(self.get().unwrap_or(done))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_is_done_once_and_again_only_where_it_was_refused() {
        let fairness = Fairness::default();
        let count = Arc::new(AtomicUsize::new(0));
        let work = Arc::new(SharedWork::default());
        let ask = |host: u8, cost, answer: Result<u8, Overloaded>| {
            let flow = Flow::of_address(IpAddr::from([10, 0, 0, host]));
            let (fairness, work, count) = (fairness.clone(), Arc::clone(&work), Arc::clone(&count));
            async move {
                let work_once = move || {
                    count.fetch_add(1, Ordering::Relaxed);
                    answer
                };
                work.get_or_do(&fairness, flow, cost, work_once).await
            }
        };
        let long = Cost::new(1_000, 0);
        let stopping = Err(Overloaded::Stopping);
        assert_eq!(ask(1, long, stopping).await, stopping);
        assert_eq!(ask(1, Cost::SMALL, stopping).await, stopping);
        let both = tokio::join!(ask(1, long, Ok(7)), ask(1, long, Ok(8)));
        assert_eq!(both, (Ok(7), Ok(7)));
        assert_eq!(ask(2, long, stopping).await, Ok(7));
        assert_eq!(count.load(Ordering::Relaxed), 3);
    }
}

//! Shared work: done once for all clients, in the turn of whichever comes first.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::{Mutex as TurnLock, Notify, SetOnce};

use crate::fairness::{Cost, Fairness, Overloaded};
use crate::model::Flow;

/// Work whose result all share. No client waits for the turn of another, who may be greedy: of each client one request
/// waits for its turn, and the first to have it does the work for all.
#[derive(Debug)]
pub(crate) struct SharedWork<T> {
    done: SetOnce<T>,
    /// Somebody is doing it: it is never done twice side by side by [`SharedWork::get_or_do`].
    running: AtomicBool,
    /// Wakes those whose turn came meanwhile, when an attempt has ended.
    ended: Notify,
    turns: Mutex<HashMap<Flow, Arc<TurnLock<()>>>>,
}

/// What came of a turn.
enum Attempt<W> {
    /// The work is done, now or before.
    Done,
    /// It was begun, and refused.
    Refused(Overloaded),
    /// Somebody is doing it.
    Busy(W),
}

impl<T> Default for SharedWork<T> {
    fn default() -> Self {
        Self {
            done: SetOnce::new(),
            running: AtomicBool::new(false),
            ended: Notify::new(),
            turns: Mutex::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> SharedWork<T> {
    /// The result, where the work is done.
    pub(crate) fn get(&self) -> Option<T> {
        self.done.get().cloned()
    }

    /// The result. Where nobody has done the work yet, it is done in the turn of this flow or of another that waits for it;
    /// at once where it is small. A refusal is one for this caller alone.
    pub(crate) async fn get_or_do(
        self: &Arc<Self>,
        fairness: &Fairness,
        flow: Flow,
        cost: Cost,
        work: impl FnOnce() -> Result<T, Overloaded> + Send + 'static,
    ) -> Result<T, Overloaded> {
        if let Some(done) = self.get() {
            return Ok(done);
        }
        tokio::select! {
            biased;
            done = self.done.wait() => Ok(done.clone()),
            refused = self.do_in_turn(fairness, flow, cost, work) => match self.get() {
                Some(done) => Ok(done),
                None => Err(refused.unwrap_or(Overloaded::Stopping)),
            },
        }
    }

    /// Does the work in the flow's turn, unless another does; returns why it was not done.
    async fn do_in_turn(
        self: &Arc<Self>,
        fairness: &Fairness,
        flow: Flow,
        cost: Cost,
        mut work: impl FnOnce() -> Result<T, Overloaded> + Send + 'static,
    ) -> Option<Overloaded> {
        let turn = Arc::clone(self.turns.lock().entry(flow).or_default());
        let _one_of_the_flow = turn.lock().await;
        loop {
            let mut ended = pin!(self.ended.notified());
            // Before the attempt, so that none that ends meanwhile is missed.
            ended.as_mut().enable();
            let own = Arc::clone(self);
            let attempt = move || own.attempt(work);
            let attempt = if cost.is_small() {
                Ok(attempt())
            } else {
                fairness.run(flow, cost, attempt).await
            };
            match attempt {
                Ok(Attempt::Done) => return None,
                Ok(Attempt::Refused(overloaded)) | Err(overloaded) => return Some(overloaded),
                Ok(Attempt::Busy(not_begun)) => work = not_begun,
            }
            ended.await;
        }
    }

    /// Does the work, unless it is done or being done.
    fn attempt<W: FnOnce() -> Result<T, Overloaded>>(&self, work: W) -> Attempt<W> {
        if self.running.swap(true, Ordering::AcqRel) {
            return Attempt::Busy(work);
        }
        // Also where the work panics.
        let _running = Running(self);
        // After the mark: whoever had it before may have done the work.
        if self.done.initialized() {
            return Attempt::Done;
        }
        match self.do_unless_done(work) {
            Ok(_done) => Attempt::Done,
            Err(overloaded) => Attempt::Refused(overloaded),
        }
    }

    /// Does the work here and now, unless it is done. Two may do it side by side: neither waits for the other.
    pub(crate) fn do_unless_done(
        &self,
        work: impl FnOnce() -> Result<T, Overloaded>,
    ) -> Result<T, Overloaded> {
        if let Some(done) = self.get() {
            return Ok(done);
        }
        let done = work()?;
        let _another_was_first = self.done.set(done.clone());
        self.turns.lock().clear();
        Ok(self.get().unwrap_or(done))
    }
}

/// An attempt to do the work, until this is dropped.
struct Running<'a, T>(&'a SharedWork<T>);

impl<T> Drop for Running<'_, T> {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
        self.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    use super::*;

    const LONG: usize = 1_000;

    /// Work that clients ask for, with a count of how often it was begun.
    #[derive(Clone, Default)]
    struct Asked {
        fairness: Fairness,
        work: Arc<SharedWork<u8>>,
        begun: Arc<AtomicUsize>,
    }

    fn flow(host: u8) -> Flow {
        Flow::of_address(IpAddr::from([10, 0, 0, host]))
    }

    impl Asked {
        async fn ask(
            &self,
            host: u8,
            entries: usize,
            work: impl FnOnce() -> Result<u8, Overloaded> + Send + 'static,
        ) -> Result<u8, Overloaded> {
            let begun = Arc::clone(&self.begun);
            let work = move || {
                begun.fetch_add(1, Ordering::SeqCst);
                work()
            };
            let cost = Cost::new(entries, 0);
            self.work
                .get_or_do(&self.fairness, flow(host), cost, work)
                .await
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn work_is_done_once_and_again_only_where_it_was_refused() {
        let asked = Asked::default();
        let refuse = || Err(Overloaded::Stopping);
        assert_eq!(asked.ask(1, LONG, refuse).await, refuse());
        assert_eq!(asked.ask(1, 0, refuse).await, refuse());
        let one_of_two = tokio::join!(asked.ask(1, LONG, || Ok(7)), asked.ask(1, LONG, || Ok(8)));
        assert_eq!(one_of_two, (Ok(7), Ok(7)));
        assert_eq!(asked.ask(2, LONG, refuse).await, Ok(7));
        assert_eq!(asked.begun(), 3);
    }

    #[tokio::test]
    async fn nobody_waits_for_the_turn_of_a_greedy_client() {
        let asked = Asked::default();
        // Flow 1 occupies all threads that one flow may, and queues for the shared work behind it.
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let mut greedy = tokio::task::JoinSet::new();
        let mut release = Vec::new();
        for _ in 1..processors.max(2) {
            let (sender, receiver) = mpsc::channel::<()>();
            release.push(sender);
            let fairness = asked.fairness.clone();
            greedy.spawn(async move {
                let block = move || drop(receiver.recv());
                let _done = fairness.run(flow(1), Cost::SMALL, block).await;
            });
        }
        let own = asked.clone();
        let waiting = tokio::spawn(async move { own.ask(1, LONG, || Ok(1)).await });
        while asked.work.turns.lock().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked.ask(2, LONG, || Ok(2)).await, Ok(2));
        // And what the modest client did serves the greedy one.
        assert_eq!(waiting.await.unwrap(), Ok(2));
        assert_eq!(asked.begun(), 1);
        drop(release);
    }

    #[tokio::test]
    async fn a_refused_attempt_is_taken_over_by_whoever_waits() {
        let asked = Asked::default();
        let (release, released) = mpsc::channel::<()>();
        let refuse_late = move || {
            released.recv().unwrap_err();
            Err(Overloaded::Stopping)
        };
        let other = async {
            while asked.begun() == 0 {
                tokio::task::yield_now().await;
            }
            let mut asks = pin!(asked.ask(2, 0, || Ok(2)));
            let waits = tokio::select! {
                biased;
                _early = &mut asks => false,
                () = std::future::ready(()) => true,
            };
            drop(release);
            (waits, asks.await)
        };
        // The first may find done, when it learns that it was refused, what it asked for.
        let (_first, second) = tokio::join!(asked.ask(1, LONG, refuse_late), other);
        assert_eq!(second, (true, Ok(2)));
        assert_eq!(asked.begun(), 2);
    }
}

//! Heavy future: one that computes much between its waits, such as a change of many keys. It is polled on heavy threads, and
//! occupies none while it waits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::fairness::{Cost, Fairness, Overloaded};
use crate::model::Flow;

/// Completes a future by polling it on heavy threads. It may be refused, or wait for its flow's turn, only before it is
/// polled for the first time: after that it may have an effect.
pub(crate) async fn poll_on_heavy_threads<T: Send + 'static>(
    fairness: &Fairness,
    flow: Flow,
    cost: Cost,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<T, Overloaded> {
    let mut future = HeavyFuture {
        future: Some(Box::pin(future)),
        runtime: Handle::current(),
    };
    let woken = Arc::new(Woken(Notify::new()));
    let waker = Waker::from(Arc::clone(&woken));
    let mut turn = flow;
    loop {
        let waker = waker.clone();
        let poll = move || {
            let polled = future.poll(&waker);
            (future, polled)
        };
        let (rest, polled) = fairness.run(turn, cost, poll).await?;
        if let Poll::Ready(output) = polled {
            return Ok(output);
        }
        future = rest;
        turn = Flow::Exempt;
        woken.0.notified().await;
    }
}

/// A future and the runtime that it belongs to: on a heavy thread it finds none by itself.
struct HeavyFuture<T> {
    future: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    runtime: Handle,
}

impl<T> HeavyFuture<T> {
    fn poll(&mut self, waker: &Waker) -> Poll<T> {
        let _runtime = self.runtime.enter();
        match &mut self.future {
            Some(future) => future.as_mut().poll(&mut Context::from_waker(waker)),
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for HeavyFuture<T> {
    fn drop(&mut self) {
        // A change that is on its way goes on by itself, as a task of the runtime.
        let _runtime = self.runtime.enter();
        drop(self.future.take());
    }
}

/// Says that the future is worth polling again.
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    fn client() -> Flow {
        Flow::of_address("10.0.0.1".parse().unwrap())
    }

    fn is_heavy_thread() -> bool {
        let thread = std::thread::current();
        thread
            .name()
            .is_some_and(|name| name.starts_with("kubekv-heavy"))
    }

    #[tokio::test]
    async fn a_future_computes_on_heavy_threads_and_waits_for_the_runtime() {
        let fairness = Fairness::default();
        let (send, receive) = oneshot::channel();
        let (begun, mut has_begun) = oneshot::channel();
        let work = async move {
            let begins = is_heavy_thread();
            begun.send(()).unwrap();
            let received: u32 = receive.await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            (begins, received)
        };
        let cost = Cost::new(1000, 0);
        let done = poll_on_heavy_threads(&fairness, client(), cost, work);
        let answer = async {
            (&mut has_begun).await.unwrap();
            send.send(7).unwrap();
        };
        let (done, ()) = tokio::join!(done, answer);
        assert_eq!(done, Ok((true, 7)));
    }

    struct DropsInRuntime(Arc<AtomicBool>);

    impl Drop for DropsInRuntime {
        fn drop(&mut self) {
            self.0
                .store(Handle::try_current().is_ok(), Ordering::Release);
        }
    }

    #[tokio::test]
    async fn a_future_is_dropped_within_its_runtime_wherever_that_happens() {
        let fairness = Fairness::default();
        let in_runtime = Arc::new(AtomicBool::new(false));
        let guard = DropsInRuntime(Arc::clone(&in_runtime));
        let (begun, has_begun) = oneshot::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let work = async move {
            let _guard = guard;
            begun.send(()).unwrap();
            // The caller hangs up meanwhile.
            let _ended = ends.recv();
            std::future::pending::<()>().await;
        };
        let task = tokio::spawn(async move {
            poll_on_heavy_threads(&fairness, client(), Cost::new(1000, 0), work).await
        });
        has_begun.await.unwrap();
        task.abort();
        assert!(task.await.is_err());
        drop(end);
        while !in_runtime.load(Ordering::Acquire) {
            tokio::task::yield_now().await;
        }
    }
}

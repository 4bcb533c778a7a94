//! `Seldom`: a future that is polled again only after it was woken itself.
//!
//! A connection is woken several times for each request, and what may end it hardly ever happens. To poll that each time costs locks and
//! places in lists of waiters, which are taken and given back without being needed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// A future beside others in one task.
pub(super) struct Seldom<T> {
    future: Pin<Box<dyn Future<Output = T> + Send>>,
    call: Arc<Call>,
    waker: Waker,
}

/// Whether the future is worth polling, and the task that polls it.
struct Call {
    is_due: AtomicBool,
    task: AtomicWaker,
}

impl<T> Seldom<T> {
    pub(super) fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        let call = Arc::new(Call {
            is_due: AtomicBool::new(true),
            task: AtomicWaker::new(),
        });
        Self {
            future: Box::pin(future),
            waker: Waker::from(Arc::clone(&call)),
            call,
        }
    }
}

impl<T> fmt::Debug for Seldom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seldom")
    }
}

impl<T> Future for Seldom<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        // Before the look at what is due: a call after that look finds this task.
        this.call.task.register(cx.waker());
        if !this.call.is_due.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let own = &mut Context::from_waker(&this.waker);
        this.future.as_mut().poll(own)
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Before the task is woken, which looks at it.
        self.is_due.store(true, Ordering::Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::oneshot;

    /// A future that counts how often it is polled.
    fn counting(receiver: oneshot::Receiver<u32>) -> (Seldom<u32>, Arc<AtomicUsize>) {
        let polls = Arc::new(AtomicUsize::new(0));
        let (count, mut receiver) = (Arc::clone(&polls), receiver);
        let future = poll_fn(move |cx| {
            count.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut receiver).poll(cx)
        });
        let seldom = Seldom::new(async move { future.await.unwrap() });
        (seldom, polls)
    }

    #[tokio::test]
    async fn it_is_polled_once_until_it_is_woken_however_often_its_task_is() {
        let (send, receive) = oneshot::channel();
        let (mut seldom, polls) = counting(receive);
        for _ in 0..10 {
            let poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut seldom).poll(cx)));
            assert_eq!(poll.await, Poll::Pending);
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        send.send(7).unwrap();
        assert_eq!(seldom.await, 7);
        assert_eq!(polls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn it_wakes_the_task_that_polled_it_last() {
        let (send, receive) = oneshot::channel();
        let (mut seldom, _polls) = counting(receive);
        let poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut seldom).poll(cx)));
        assert_eq!(poll.await, Poll::Pending);
        let waits = tokio::spawn(seldom);
        tokio::task::yield_now().await;
        send.send(7).unwrap();
        assert_eq!(waits.await.unwrap(), 7);
    }
}

//! The pacer of a thread: it hands out due requests to the clients that are free.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::schedule::Schedule;
use super::timer::Timer;

/// Requests that are due sooner than this are handed out at once.
const GRAIN: Duration = Duration::from_micros(20);

/// How many requests are handed out before the clients get their turn.
const BATCH: u32 = 64;

/// Due requests, taken by one client after another in the order in which they became due.
#[derive(Debug)]
pub struct Pacer {
    schedule: Schedule,
    start: Instant,
    end: Instant,
    /// How many were handed out.
    due: Cell<u64>,
    /// How many of these were taken. A permit that a client was given and has not used yet is none that is left.
    taken: Cell<u64>,
    /// The times of those that are taken next. The schedule gives them once more: a queue would have no bound.
    times: RefCell<Schedule>,
    /// A permit a due request; closed at the end.
    permits: Semaphore,
}

impl Pacer {
    /// A pacer of the requests that are due from `start` to `end`, which has handed out nothing.
    pub fn new(schedule: Schedule, start: Instant, end: Instant) -> Self {
        Self {
            due: Cell::new(0),
            taken: Cell::new(0),
            times: RefCell::new(schedule.clone()),
            schedule,
            start,
            end,
            permits: Semaphore::new(0),
        }
    }

    /// Hands out all requests, each when it is due. Latencies count from the times that this gives, however late a client
    /// takes the request: a server that stalls must not slow down the load that finds it out.
    pub async fn run(&self) -> io::Result<()> {
        let timer = Timer::new()?;
        let mut batch = 0;
        for offset in self.schedule.clone() {
            let due = self.start + offset;
            if due >= self.end {
                break;
            }
            let ahead = due.saturating_duration_since(Instant::now());
            batch += 1;
            if ahead > GRAIN {
                timer.sleep(ahead).await?;
                batch = 0;
            } else if batch >= BATCH {
                // A rate beyond what this thread can do must not keep its clients from sending.
                yield_now().await;
                batch = 0;
            }
            self.due.set(self.due.get() + 1);
            self.permits.add_permits(1);
        }
        Ok(())
    }

    /// The next due request; `None` when there are no more.
    pub async fn next(&self) -> Option<Instant> {
        let permit = self.permits.acquire().await.ok()?;
        permit.forget();
        self.taken.set(self.taken.get() + 1);
        let offset = self.times.borrow_mut().next()?;
        Some(self.start + offset)
    }

    /// How many due requests no client has taken.
    pub fn waiting(&self) -> u64 {
        self.due.get().saturating_sub(self.taken.get())
    }

    /// Whether it was ended.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// Ends it: clients that wait get nothing more.
    pub fn close(&self) {
        self.permits.close();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;
    use crate::bench::pace::Arrivals;

    #[tokio::test]
    async fn requests_keep_their_due_times_when_no_client_is_free() {
        let start = Instant::now();
        let schedule = Schedule::new(10_000.0, Arrivals::Even, 0, 1, 0);
        let pacer = Pacer::new(schedule, start, start + Duration::from_millis(10));
        pacer.run().await.unwrap();
        assert_eq!(pacer.waiting(), 100);
        for number in 0..100_u32 {
            let due = pacer.next().await.unwrap();
            let expected = Duration::from_micros(100) * number;
            assert!((due - start).abs_diff(expected) < Duration::from_micros(1));
        }
        pacer.close();
        assert_eq!(pacer.next().await, None);
    }

    #[tokio::test]
    async fn a_rate_that_cannot_be_kept_lets_clients_send() {
        let start = Instant::now();
        let schedule = Schedule::new(1e7, Arrivals::Even, 0, 1, 0);
        let pacer = Pacer::new(schedule, start, start + Duration::from_millis(100));
        let client = async {
            let first = pacer.next().await;
            (first, Instant::now())
        };
        let handing_out = async {
            pacer.run().await.unwrap();
            Instant::now()
        };
        let ((first, taken), over) = tokio::join!(client, handing_out);
        assert_eq!(first, Some(start));
        assert!(taken < over, "the client waited for the whole schedule");
    }

    #[tokio::test]
    async fn a_request_that_a_client_was_about_to_take_at_the_end_is_not_lost() {
        let start = Instant::now();
        let schedule = Schedule::new(1.0, Arrivals::Even, 0, 1, 0);
        let pacer = Pacer::new(schedule, start, start + Duration::from_millis(1));
        let mut client = pin!(pacer.next());
        let mut context = Context::from_waker(Waker::noop());
        assert!(client.as_mut().poll(&mut context).is_pending());
        // The client gets the permit, and has no turn before the end.
        pacer.run().await.unwrap();
        assert_eq!(pacer.waiting(), 1);
        pacer.close();
        assert_eq!((client.await, pacer.waiting()), (None, 1));
    }
}

//! The pacer of a thread: it hands out due requests to the clients that are free.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::schedule::Schedule;
use super::timer::Timer;

/// Requests that are due sooner than this are handed out at once.
const GRAIN: Duration = Duration::from_micros(20);

/// Due requests, taken by one client after another in the order in which they became due.
#[derive(Debug)]
pub struct Pacer {
    due: RefCell<VecDeque<Instant>>,
    /// A permit a due request; closed at the end.
    permits: Semaphore,
}

impl Pacer {
    /// A pacer that has handed out nothing.
    pub fn new() -> Self {
        Self {
            due: RefCell::default(),
            permits: Semaphore::new(0),
        }
    }

    /// Hands out requests from `start` to `end`. Latencies count from the times that this gives, however late a client takes
    /// the request: a server that stalls must not slow down the load that finds it out.
    pub async fn run(&self, schedule: Schedule, start: Instant, end: Instant) -> io::Result<()> {
        let timer = Timer::new()?;
        for offset in schedule {
            let due = start + offset;
            if due >= end {
                break;
            }
            let ahead = due.saturating_duration_since(Instant::now());
            if ahead > GRAIN {
                timer.sleep(ahead).await?;
            }
            self.due.borrow_mut().push_back(due);
            self.permits.add_permits(1);
        }
        Ok(())
    }

    /// The next due request; `None` when there are no more.
    pub async fn next(&self) -> Option<Instant> {
        let permit = self.permits.acquire().await.ok()?;
        permit.forget();
        self.due.borrow_mut().pop_front()
    }

    /// How many due requests no client has taken.
    pub fn waiting(&self) -> usize {
        self.due.borrow().len()
    }

    /// Ends it: clients that wait get nothing more.
    pub fn close(&self) {
        self.permits.close();
    }
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pace::Arrivals;

    #[tokio::test]
    async fn requests_keep_their_due_times_when_no_client_is_free() {
        let pacer = Pacer::new();
        let start = Instant::now();
        let schedule = Schedule::new(10_000.0, Arrivals::Even, 0, 1, 0);
        let end = start + Duration::from_millis(10);
        pacer.run(schedule, start, end).await.unwrap();
        assert_eq!(pacer.waiting(), 100);
        for number in 0..100_u32 {
            let due = pacer.next().await.unwrap();
            let expected = Duration::from_micros(100) * number;
            assert!((due - start).abs_diff(expected) < Duration::from_micros(1));
        }
        pacer.close();
        assert_eq!(pacer.next().await, None);
    }
}

//! `FailedAttempts`: how often clients at each address showed what is not known, and how long they wait for it.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::Flow;

/// The first refusal waits so long, each further one twice as long, up to the longest.
const FIRST: Duration = Duration::from_millis(100);
const DOUBLINGS: u32 = 5;

/// Whoever has not failed for so long begins anew.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// The most clients that are remembered.
const MOST: usize = 16_384;

/// When that many are, those that may be forgotten are looked for once in this time: each look is at all of them, while others wait.
const LOOK: Duration = Duration::from_secs(1);

/// Lines about one client in each period.
const LINES: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// The failed attempts of each client.
#[derive(Debug, Default)]
pub(super) struct FailedAttempts(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    clients: HashMap<Flow, Failures>,
    looked: Option<Instant>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
    lines_since: Instant,
    lines: u32,
    left_out: u64,
}

/// What follows from one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Penalty {
    /// How long the refusal waits.
    pub(super) wait: Duration,
    /// Whether a line may be written about it, and how many were left out before.
    pub(super) line: Option<u64>,
}

impl FailedAttempts {
    /// Counts one more.
    pub(super) fn count(&self, flow: Flow) -> Penalty {
        let now = Instant::now();
        let mut remembered = self.0.lock();
        if !remembered.has_room_for(flow, now) {
            // So many at once are no clients that mistype.
            return Penalty {
                wait: FIRST * 2_u32.pow(DOUBLINGS),
                line: None,
            };
        }
        let failures = remembered.clients.entry(flow).or_insert(Failures {
            count: 0,
            last: now,
            lines_since: now,
            lines: 0,
            left_out: 0,
        });
        if now - failures.last >= FORGOTTEN {
            failures.count = 0;
        }
        let wait = FIRST * 2_u32.pow(failures.count.min(DOUBLINGS));
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        Penalty {
            wait,
            line: failures.line(now),
        }
    }
}

impl Remembered {
    /// Whether this client is remembered, or another one can be.
    fn has_room_for(&mut self, flow: Flow, now: Instant) -> bool {
        if self.clients.len() < MOST || self.clients.contains_key(&flow) {
            return true;
        }
        if self.looked.is_none_or(|looked| now - looked >= LOOK) {
            self.looked = Some(now);
            self.clients
                .retain(|_, failures| now - failures.last < FORGOTTEN);
        }
        self.clients.len() < MOST
    }
}

impl Failures {
    fn line(&mut self, now: Instant) -> Option<u64> {
        if now - self.lines_since >= PERIOD {
            (self.lines_since, self.lines) = (now, 0);
        }
        if self.lines == LINES {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(host: [u8; 4]) -> Flow {
        Flow::of_address(host.into())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_fails_again_and_again_waits_longer_and_nobody_else() {
        let attempts = FailedAttempts::default();
        let wait = |host| attempts.count(flow([10, 0, 0, host])).wait.as_millis();
        let waits: Vec<_> = (0..8).map(|_| wait(1)).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 3200, 3200]);
        assert_eq!(wait(2), 100);
        tokio::time::advance(FORGOTTEN).await;
        assert_eq!(wait(1), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn lines_about_a_client_are_few_and_say_how_many_there_are_not() {
        let attempts = FailedAttempts::default();
        let line = || attempts.count(flow([10, 0, 0, 1])).line;
        assert_eq!((0..1_000).filter(|_| line().is_some()).count(), 10);
        tokio::time::advance(PERIOD).await;
        assert_eq!(line(), Some(990));
        assert_eq!(line(), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn clients_that_are_remembered_are_bounded() {
        let attempts = FailedAttempts::default();
        for number in 0..20_000_u32 {
            let penalty = attempts.count(flow(number.to_be_bytes()));
            let is_remembered = number < 16_384;
            assert_eq!(penalty.wait == FIRST, is_remembered, "{number}");
        }
        tokio::time::advance(FORGOTTEN).await;
        assert_eq!(attempts.count(flow([255; 4])).wait, FIRST);
        assert_eq!(attempts.0.lock().clients.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_be_forgotten_is_not_looked_for_at_each_attempt() {
        let attempts = FailedAttempts::default();
        let has_room = |host| attempts.count(flow([255, 0, 0, host])).wait == FIRST;
        for number in 0..16_384_u32 {
            attempts.count(flow(number.to_be_bytes()));
        }
        tokio::time::advance(Duration::from_millis(59_500)).await;
        assert!(!has_room(1));
        tokio::time::advance(LOOK / 2).await;
        assert!(!has_room(2), "it looked again at once");
        tokio::time::advance(LOOK / 2).await;
        assert!(has_room(3));
    }
}

//! The times at which requests are due.

use std::time::Duration;

/// How due times are spaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrivals {
    /// All as far apart.
    #[default]
    Even,
    /// As independent clients send: a Poisson process.
    Poisson,
}

/// The due times of one thread's share of a rate, as offsets from the start.
#[derive(Clone, Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    /// The mean time between two requests of this thread, in seconds.
    interval: f64,
    next: f64,
    random: fastrand::Rng,
}

impl Schedule {
    /// The share of a thread, one of `threads`, of `rate` requests per second. Even arrivals of all threads together are
    /// even, too.
    pub fn new(rate: f64, arrivals: Arrivals, thread: u32, threads: u32, seed: u64) -> Self {
        let threads = f64::from(threads.max(1));
        let interval = threads / rate;
        Self {
            arrivals,
            interval,
            next: f64::from(thread) / rate,
            random: fastrand::Rng::with_seed(seed.wrapping_add(u64::from(thread))),
        }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    /// The next due time. It has no end.
    fn next(&mut self) -> Option<Duration> {
        let due = Duration::try_from_secs_f64(self.next).ok()?;
        self.next += match self.arrivals {
            Arrivals::Even => self.interval,
            // The logarithm's argument is above 0.
            Arrivals::Poisson => -(1.0 - self.random.f64()).ln() * self.interval,
        };
        Some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(arrivals: Arrivals, threads: u32) -> Vec<Duration> {
        let of = |thread| {
            Schedule::new(1_000.0, arrivals, thread, threads, 1)
                .take_while(|due| *due < Duration::from_secs(10))
        };
        let mut all: Vec<_> = (0..threads).flat_map(of).collect();
        all.sort_unstable();
        all
    }

    #[test]
    fn threads_together_keep_the_rate() {
        for threads in [1, 3] {
            let even = all(Arrivals::Even, threads);
            assert!((9_999..=10_001).contains(&even.len()), "{}", even.len());
            let gaps = even.windows(2).map(|pair| pair[1].abs_diff(pair[0]));
            assert!(gaps.max().unwrap() < Duration::from_micros(1_001));
            let poisson = all(Arrivals::Poisson, threads);
            assert!((9_600..10_400).contains(&poisson.len()));
            let gaps = poisson.windows(2).map(|pair| pair[1].abs_diff(pair[0]));
            assert!(gaps.max().unwrap() > Duration::from_millis(4));
        }
    }
}

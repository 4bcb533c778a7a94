//! The verdict whether a run measured the server, or its own client.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Latencies, ThreadUse};

/// A client's thread that ran for this share of the time could send no more.
const BUSY: f64 = 0.9;

/// A client's thread that ran or waited for a processor for this share of the time could send no more either.
const READY: f64 = 0.95;

/// Requests that the client sends later than this, though a connection was free, distort latencies.
const LATE_US: f64 = 1_000.0;

/// ... unless their lateness is below this share of the latency.
const LATE_SHARE: f64 = 0.1;

/// The same for a fleet, whose lateness is that of the runtime's timers, in microseconds.
const FLEET_LATE_US: f64 = 10_000.0;

/// What limited a run, other than the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A thread of the client was busy all the time.
    Client,
    /// A thread of the client waited for a processor: client and server share too few.
    Machine,
    /// The client sent requests late, though a connection was free.
    Lateness,
}

/// The load on the client during a run.
#[derive(Clone, Debug, Default)]
pub struct ClientLoad {
    /// The share of the time that the busiest thread ran.
    pub busiest: f64,
    /// The share of the time that this thread waited for a processor.
    pub waited: f64,
    /// The processor time of all threads.
    pub cpu: Duration,
    /// How late requests were sent although a connection was free (open loop).
    pub lateness: Latencies,
}

impl ClientLoad {
    /// The load between two looks at all threads of this process.
    pub fn between(
        before: &BTreeMap<u32, ThreadUse>,
        after: &BTreeMap<u32, ThreadUse>,
        elapsed: Duration,
    ) -> Self {
        let spent = after.iter().map(|(id, now)| {
            let earlier = before.get(id).copied().unwrap_or_default();
            now.since(earlier)
        });
        Self::of_threads(spent, elapsed)
    }

    /// The load of threads that were used so over a time.
    pub fn of_threads(threads: impl IntoIterator<Item = ThreadUse>, elapsed: Duration) -> Self {
        let share = |time: Duration| time.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
        let mut load = Self::default();
        for spent in threads {
            let (ran, waited) = (share(spent.ran), share(spent.waited));
            if ran + waited > load.busiest + load.waited {
                (load.busiest, load.waited) = (ran, waited);
            }
            load.cpu += spent.ran;
        }
        load
    }

    /// What limited the run, other than the server; `latency_p99_us` is of all operations.
    pub fn limit(&self, latency_p99_us: f64) -> Option<Limit> {
        self.limit_beyond(LATE_US, latency_p99_us)
    }

    /// What limited a fleet, other than the server; `latency_p99_us` is of all steps.
    pub fn fleet_limit(&self, latency_p99_us: f64) -> Option<Limit> {
        self.limit_beyond(FLEET_LATE_US, latency_p99_us)
    }

    fn limit_beyond(&self, late_us: f64, latency_p99_us: f64) -> Option<Limit> {
        if self.busiest >= BUSY {
            return Some(Limit::Client);
        }
        if self.busiest + self.waited >= READY {
            return Some(Limit::Machine);
        }
        let late = self.lateness.quantile_us(0.99);
        (late > late_us && late > latency_p99_us * LATE_SHARE).then_some(Limit::Lateness)
    }
}

impl Limit {
    /// The name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Machine => "machine",
            Self::Lateness => "lateness",
        }
    }

    /// What it means for the figures.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Client => {
                "a thread of the client was busy all the time: the server can do more than this, and these latencies are \
                 the client's. Give it more threads, divide the load between several clients, or lower it"
            }
            Self::Machine => {
                "the client's threads waited for a processor: client and server share too few, and the figures are of both. \
                 Compare them only with those of a run on the same machine"
            }
            Self::Lateness => {
                "the client sent requests late although a connection was free: these latencies are the client's. Give it \
                 more threads, divide the load between several clients, or lower the rate"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(busiest: f64, waited: f64, late_us: u64) -> ClientLoad {
        let mut lateness = Latencies::new();
        lateness.record(Duration::from_micros(late_us));
        ClientLoad {
            busiest,
            waited,
            lateness,
            ..ClientLoad::default()
        }
    }

    #[test]
    fn a_client_that_is_the_bottleneck_is_named() {
        assert_eq!(load(0.5, 0.1, 50).limit(500.0), None);
        assert_eq!(load(0.95, 0.0, 50).limit(500.0), Some(Limit::Client));
        assert_eq!(load(0.6, 0.36, 50).limit(500.0), Some(Limit::Machine));
        assert_eq!(load(0.5, 0.1, 2_000).limit(3_000.0), Some(Limit::Lateness));
        // Lateness that is small beside the server's own time changes little.
        assert_eq!(load(0.5, 0.1, 2_000).limit(90_000.0), None);
    }
}

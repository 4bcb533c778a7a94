//! Blocking query: a read that waits until the index of what it reads rises, its time is up, or the gateway stops.

use std::time::Duration;

use super::face::Face;
use super::query_options::QueryOptions;
use crate::face::go::format_duration;
use crate::model::{Caller, KeyRange, LeaseId};
use crate::space::{Interrupted, View};

/// The time that a query without `wait` blocks (Consul's `default_query_time`).
const DEFAULT_TIME: Duration = Duration::from_secs(5 * 60);
/// The longest time that a query blocks (Consul's `max_query_time`).
const MAX_TIME: Duration = Duration::from_secs(10 * 60);
/// Divides the time: up to that much is added at random, so that clients do not all return at once.
const JITTER: u32 = 16;

impl Face {
    /// A view, and `index_of` it: once that index is above the client's, when the time is up, or when the gateway
    /// stops.
    ///
    /// An index above the keyspace's revision comes from a keyspace that is gone. Such a query is answered at once, so
    /// that the client learns the index of this one; Consul would let it wait.
    pub(super) async fn blocking_query(
        &self,
        caller: &Caller,
        options: QueryOptions,
        ranges: Vec<KeyRange>,
        index_of: impl Fn(&View) -> u64,
    ) -> (View, u64) {
        let read = || {
            let view = self.space.read(caller);
            // 0 would make the client repeat its query at once, for ever.
            let index = index_of(&view).max(1);
            (view, index)
        };
        if options.index == 0 {
            return read();
        }
        // The watch begins before the first read: no commit falls between the two.
        let mut watch = self.space.watch(caller, ranges.clone());
        let (view, index) = read();
        if index > options.index || view.revision().max(index) < options.index {
            return (view, index);
        }
        // A view keeps alive what has since been deleted.
        drop(view);
        let mut end = std::pin::pin!(tokio::time::sleep(jittered(options.wait)));
        loop {
            tokio::select! {
                next = watch.next() => match next {
                    Ok(_) => {}
                    Err(Interrupted::Lagged(_)) => watch = self.space.watch(caller, ranges.clone()),
                    // The client may see other keys now: the answer differs, whatever its index.
                    Err(Interrupted::RightsChanged) => return read(),
                },
                () = end.as_mut() => return read(),
                () = self.stopping.wait() => return read(),
            }
            // One read covers every commit until now.
            while let Some(Ok(_)) = watch.try_next() {}
            let (view, index) = read();
            if index > options.index {
                return (view, index);
            }
        }
    }
}

/// The time that a query without `wait` blocks, as Consul formats it.
pub(super) fn default_time() -> String {
    formatted(DEFAULT_TIME)
}

/// The longest time that a query blocks, as Consul formats it.
pub(super) fn max_time() -> String {
    formatted(MAX_TIME)
}

fn formatted(time: Duration) -> String {
    format_duration(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// The time to block, with jitter.
fn jittered(wait: i64) -> Duration {
    let wait = match u64::try_from(wait) {
        Ok(0) | Err(_) => DEFAULT_TIME,
        Ok(nanos) => Duration::from_nanos(nanos).min(MAX_TIME),
    };
    let max_jitter = (wait / JITTER).as_nanos().max(1);
    let jitter = u64::try_from(LeaseId::random().0 % max_jitter).unwrap_or(0);
    wait + Duration::from_nanos(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_and_jittered() {
        let bounds = [
            (0, DEFAULT_TIME),
            (-1, DEFAULT_TIME),
            (i64::MIN, DEFAULT_TIME),
            (i64::MAX, MAX_TIME),
            (1, Duration::from_nanos(1)),
            (16_000, Duration::from_micros(16)),
        ];
        for (requested, least) in bounds {
            for _ in 0..100 {
                let wait = jittered(requested);
                assert!(
                    least <= wait && wait <= least + least / JITTER,
                    "{requested}: {wait:?}"
                );
            }
        }
    }
}

//! Blocking queries: a read that waits until what it reads has changed.

use std::time::Duration;

use super::Consul;
use super::go::format_duration;
use super::options::Options;
use crate::model::{Caller, KeyRange, LeaseId};
use crate::space::{Interrupted, View};

/// How long a query waits that does not say (Consul's `default_query_time`).
const DEFAULT: Duration = Duration::from_secs(5 * 60);
/// How long a query waits at most (Consul's `max_query_time`).
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// Up to one part in this many is added at random, so that not all come back at once.
const JITTER: u32 = 16;

impl Consul {
    /// The keyspace once `index_of` it is above the index asked for, else when the time is up or the gateway is
    /// stopping. Gives the index too.
    ///
    /// An index above any there is was given by a keyspace that is gone; it is answered at once, so that the client
    /// learns where this one stands. Consul would let it wait.
    pub(super) async fn changed(
        &self,
        caller: &Caller,
        options: Options,
        ranges: Vec<KeyRange>,
        index_of: impl Fn(&View) -> u64,
    ) -> (View, u64) {
        let read = || {
            let view = self.space.read(caller);
            // 0 would make the client ask again at once, for ever.
            let index = index_of(&view).max(1);
            (view, index)
        };
        if options.index == 0 {
            return read();
        }
        // Watched before the first look: nothing falls between the two.
        let mut watch = self.space.watch(caller, ranges.clone());
        let (view, index) = read();
        if index > options.index || view.revision().max(index) < options.index {
            return (view, index);
        }
        // A view that is kept keeps alive what has since been deleted.
        drop(view);
        let mut end = std::pin::pin!(tokio::time::sleep(longest(options.wait)));
        loop {
            tokio::select! {
                next = watch.next() => match next {
                    Ok(_) => {}
                    Err(Interrupted::Lagged(_)) => watch = self.space.watch(caller, ranges.clone()),
                    // Other keys may be seen: the answer is another now, whatever its index.
                    Err(Interrupted::RightsChanged) => return read(),
                },
                () = end.as_mut() => return read(),
                () = self.stopping.wait() => return read(),
            }
            // One look is enough for all that has happened until now.
            while let Some(Ok(_)) = watch.try_next() {}
            let (view, index) = read();
            if index > options.index {
                return (view, index);
            }
        }
    }
}

/// The time a query waits that does not say, as Consul shows it.
pub(super) fn default_time() -> String {
    shown(DEFAULT)
}

/// The time a query waits at most, as Consul shows it.
pub(super) fn longest_time() -> String {
    shown(LONGEST)
}

fn shown(time: Duration) -> String {
    format_duration(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// How long to wait, with jitter.
fn longest(wait: i64) -> Duration {
    let wait = match u64::try_from(wait) {
        Ok(0) | Err(_) => DEFAULT,
        Ok(nanos) => Duration::from_nanos(nanos).min(LONGEST),
    };
    let most = (wait / JITTER).as_nanos().max(1);
    let jitter = u64::try_from(LeaseId::random().0 % most).unwrap_or(0);
    wait + Duration::from_nanos(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_and_jittered() {
        let bounds = [
            (0, DEFAULT),
            (-1, DEFAULT),
            (i64::MIN, DEFAULT),
            (i64::MAX, LONGEST),
            (1, Duration::from_nanos(1)),
            (16_000, Duration::from_micros(16)),
        ];
        for (asked, least) in bounds {
            for _ in 0..100 {
                let wait = longest(asked);
                assert!(
                    least <= wait && wait <= least + least / JITTER,
                    "{asked}: {wait:?}"
                );
            }
        }
    }
}

//! `SingleFlight`: work in flight, which everybody shares who asks for the same meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _, Shared, WeakShared};
use parking_lot::Mutex;

/// Work in flight, by what it is about. It goes on as long as anybody waits for it, whoever began it, and is forgotten with its
/// end.
///
/// There is at most one for each request that waits, so it is bounded as these are.
pub(super) struct SingleFlight<K, T> {
    flights: Arc<Mutex<Flights<K, T>>>,
}

/// Work that somebody waits for.
pub(super) struct Joined<T> {
    pub(super) work: Shared<BoxFuture<'static, T>>,
    /// Whether whoever asked began it.
    pub(super) is_first: bool,
}

struct Flights<K, T> {
    by_key: HashMap<K, Flight<T>>,
    /// The number of the latest.
    last: u64,
}

struct Flight<T> {
    number: u64,
    work: WeakShared<BoxFuture<'static, T>>,
}

/// Has a flight forgotten when it ends, or when nobody waits for it any more.
struct Landing<K: Eq + Hash, T> {
    flights: Arc<Mutex<Flights<K, T>>>,
    key: K,
    number: u64,
}

impl<K: Eq + Hash, T> Drop for Landing<K, T> {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        // Between the last who waited and this, another may have begun the same.
        let is_own = |flight: &Flight<T>| flight.number == self.number;
        if flights.by_key.get(&self.key).is_some_and(is_own) {
            flights.by_key.remove(&self.key);
        }
    }
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        let flights = Flights {
            by_key: HashMap::new(),
            last: 0,
        };
        Self {
            flights: Arc::new(Mutex::new(flights)),
        }
    }
}

impl<K, T> fmt::Debug for SingleFlight<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight")
    }
}

impl<K, T> SingleFlight<K, T>
where
    K: Clone + Eq + Hash + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// The work in flight about this. Where there is none, `begin` makes it, or says why it must not begin.
    pub(super) fn join<F, E>(
        &self,
        key: K,
        begin: impl FnOnce() -> Result<F, E>,
    ) -> Result<Joined<T>, E>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut flights = self.flights.lock();
        let flight = flights.by_key.get(&key);
        if let Some(work) = flight.and_then(|flight| flight.work.upgrade()) {
            return Ok(Joined {
                work,
                is_first: false,
            });
        }
        let work = begin()?;
        flights.last += 1;
        let number = flights.last;
        let landing = Landing {
            flights: Arc::clone(&self.flights),
            key: key.clone(),
            number,
        };
        let work = async move {
            let _landing = landing;
            work.await
        };
        let work = work.boxed().shared();
        // It has not ended, since nobody has polled it.
        if let Some(work) = work.downgrade() {
            flights.by_key.insert(key, Flight { number, work });
        }
        Ok(Joined {
            work,
            is_first: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Work that goes on with the gate, with a count of how often it was begun.
    #[derive(Clone)]
    struct Asked {
        flights: Arc<SingleFlight<u8, u8>>,
        gate: Arc<Semaphore>,
        begun: Arc<AtomicUsize>,
    }

    impl Asked {
        fn new() -> Self {
            Self {
                flights: Arc::default(),
                gate: Arc::new(Semaphore::new(0)),
                begun: Arc::default(),
            }
        }

        fn ask(&self, key: u8, result: u8) -> Joined<u8> {
            let (gate, begun) = (Arc::clone(&self.gate), Arc::clone(&self.begun));
            let joined = self.flights.join(key, || {
                Ok::<_, Infallible>(async move {
                    begun.fetch_add(1, Ordering::Relaxed);
                    gate.acquire().await.unwrap().forget();
                    result
                })
            });
            joined.unwrap()
        }

        fn begun(&self) -> usize {
            self.begun.load(Ordering::Relaxed)
        }

        fn in_flight(&self) -> usize {
            self.flights.flights.lock().by_key.len()
        }
    }

    #[tokio::test]
    async fn who_asks_for_the_same_waits_for_one_and_whoever_comes_after_begins_anew() {
        let asked = Asked::new();
        let (one, same, other) = (asked.ask(1, 10), asked.ask(1, 11), asked.ask(2, 20));
        assert_eq!(
            [one.is_first, same.is_first, other.is_first],
            [true, false, true]
        );
        asked.gate.add_permits(2);
        let results = tokio::join!(one.work, same.work, other.work);
        assert_eq!(results, (10, 10, 20));
        assert_eq!((asked.begun(), asked.in_flight()), (2, 0));
        asked.gate.add_permits(1);
        assert_eq!(asked.ask(1, 12).work.await, 12);
    }

    #[tokio::test]
    async fn it_goes_on_when_whoever_began_it_leaves_and_ends_with_the_last_who_waits() {
        let asked = Asked::new();
        let (mut first, second) = (asked.ask(1, 10), asked.ask(1, 11));
        assert_eq!((&mut first.work).now_or_never(), None);
        drop(first);
        asked.gate.add_permits(1);
        assert_eq!(second.work.await, 10);
        assert_eq!(asked.begun(), 1);
        // Begun or not, nobody waits for it.
        let mut begun = asked.ask(1, 12);
        assert_eq!((&mut begun.work).now_or_never(), None);
        drop((begun, asked.ask(2, 20)));
        assert_eq!(asked.in_flight(), 0);
    }

    #[test]
    fn what_must_not_begin_is_not_in_flight() {
        let flights = SingleFlight::<u8, u8>::default();
        let refused = flights.join(1, || Err::<std::future::Ready<u8>, _>("no"));
        assert_eq!(refused.err(), Some("no"));
        assert!(flights.flights.lock().by_key.is_empty());
    }
}

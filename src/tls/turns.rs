//! Turns of handshakes: how many compute at a time, and in whose order.
//!
//! The signatures of a handshake take a processor for up to some milliseconds, before anything is known of the client. Half of
//! the workers at most compute them, so that the other half serves requests. One address computes one at a time: however many
//! connections it opens, another address waits for one of its handshakes at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::Flow;

/// The turns. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    all: Arc<Semaphore>,
    addresses: Arc<Mutex<Addresses>>,
}

/// The addresses that compute or wait: a semaphore of one permit, and how many hold or wait for it.
type Addresses = HashMap<Flow, (Arc<Semaphore>, usize)>;

/// A turn, until dropped.
#[derive(Debug)]
pub(super) struct TakenTurn {
    _of_all: Option<OwnedSemaphorePermit>,
    _of_address: Option<OwnedSemaphorePermit>,
    _waits: Waits,
}

/// Keeps the semaphore of an address.
#[derive(Debug)]
struct Waits {
    addresses: Arc<Mutex<Addresses>>,
    address: Flow,
}

impl Turns {
    /// So many at a time.
    pub(super) fn new(count: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(count)),
            addresses: Arc::default(),
        }
    }

    /// Waits for the turn of a client's handshake.
    pub(super) async fn take(&self, peer: IpAddr) -> TakenTurn {
        let address = Flow::of_address(peer);
        let own = {
            let mut addresses = self.addresses.lock();
            let new = || (Arc::new(Semaphore::new(1)), 0);
            let (own, waiting) = addresses.entry(address).or_insert_with(new);
            *waiting += 1;
            Arc::clone(own)
        };
        let waits = Waits {
            addresses: Arc::clone(&self.addresses),
            address,
        };
        // They are never closed.
        let of_address = own.acquire_owned().await.ok();
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok();
        TakenTurn {
            _of_all: of_all,
            _of_address: of_address,
            _waits: waits,
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock();
        if let Some((_, waiting)) = addresses.get_mut(&self.address) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::sync::oneshot;

    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    #[tokio::test]
    async fn an_address_waits_for_one_of_another_however_many_that_has() {
        let turns = Turns::new(1);
        let first = turns.take(address(1)).await;
        let greedy: Vec<_> = (0..1_000)
            .map(|_| {
                let turns = turns.clone();
                tokio::spawn(async move { drop(turns.take(address(1)).await) })
            })
            .collect();
        tokio::task::yield_now().await;
        let (sender, order) = oneshot::channel();
        let other = turns.clone();
        let other = tokio::spawn(async move {
            let turn = other.take(address(2)).await;
            let _sent = sender.send(());
            turn
        });
        tokio::task::yield_now().await;
        drop(first);
        order.await.unwrap();
        let done = greedy.iter().filter(|task| task.is_finished()).count();
        assert!(done <= 1, "{done}");
        drop(other.await.unwrap());
        for task in greedy {
            task.await.unwrap();
        }
        assert!(turns.addresses.lock().is_empty());
    }

    #[tokio::test]
    async fn whoever_stops_waiting_leaves_nothing() {
        let turns = Turns::new(1);
        let held = turns.take(address(1)).await;
        {
            let mut waiting = pin!(turns.take(address(2)));
            tokio::select! {
                biased;
                _turn = &mut waiting => panic!("two at a time"),
                () = tokio::task::yield_now() => {}
            }
        }
        drop(held);
        assert!(turns.addresses.lock().is_empty());
    }
}

//! Unfinished handshakes of a port: how many there may be before anything is known of who makes them.
//!
//! The port may be open to everybody. Each handshake begins at once, so that none waits behind others; what is bounded is how
//! many are not finished. Above the limit the oldest of them is dropped: of the same address where that one has too many, else
//! of the address that has the most. An honest client needs some milliseconds, so it is through long before thousands of silent
//! connections have pushed it out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::model::Flow;

/// The handshakes that are not finished. A clone shares them.
#[derive(Clone, Debug)]
pub struct Handshakes {
    limits: HandshakeLimits,
    table: Arc<Mutex<Table>>,
}

/// How many handshakes may be unfinished at a time.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeLimits {
    /// Over all addresses.
    pub total: usize,
    /// Of one address (IPv6: of its first 64 bits).
    pub of_address: usize,
}

#[derive(Debug, Default)]
struct Table {
    count: usize,
    /// By address and number, oldest first. Dropping a sender drops the handshake.
    addresses: HashMap<Flow, BTreeMap<u64, oneshot::Sender<()>>>,
    /// The number of the next one.
    next: u64,
}

impl Handshakes {
    /// None yet, within these limits.
    pub fn new(limits: HandshakeLimits) -> Self {
        Self {
            limits,
            table: Arc::default(),
        }
    }

    /// Begins one; the second value is ready when it has to end for a newer one.
    pub fn begin(&self, peer: IpAddr) -> (Handshake, oneshot::Receiver<()>) {
        let address = Flow::of_address(peer);
        let (kept, dropped) = oneshot::channel();
        let mut table = self.table.lock();
        let own = table.addresses.get(&address).map_or(0, BTreeMap::len);
        if own >= self.limits.of_address {
            table.drop_oldest(address);
        } else if table.count >= self.limits.total
            && let Some(greediest) = table.greediest()
        {
            table.drop_oldest(greediest);
        }
        let number = table.next;
        table.next += 1;
        table.count += 1;
        let of_address = table.addresses.entry(address).or_default();
        of_address.insert(number, kept);
        let handshake = Handshake {
            table: Arc::clone(&self.table),
            address,
            number,
        };
        (handshake, dropped)
    }

    /// Whether so many are unfinished that none should wait for what may come later.
    pub fn are_many(&self) -> bool {
        self.table.lock().count > self.limits.total / 2
    }
}

impl Table {
    /// The address that has the most; of several, the one whose oldest is the oldest of all.
    fn greediest(&self) -> Option<Flow> {
        let rank = |all: &BTreeMap<_, _>| (all.len(), all.keys().next().copied().map(Reverse));
        let most = self.addresses.iter().max_by_key(|(_, all)| rank(all));
        most.map(|(address, _)| *address)
    }

    fn drop_oldest(&mut self, address: Flow) {
        let oldest = self
            .addresses
            .get(&address)
            .and_then(|all| all.keys().next());
        if let Some(oldest) = oldest.copied() {
            self.remove(address, oldest);
        }
    }

    fn remove(&mut self, address: Flow, number: u64) {
        let Some(of_address) = self.addresses.get_mut(&address) else {
            return;
        };
        if of_address.remove(&number).is_some() {
            self.count = self.count.saturating_sub(1);
        }
        if of_address.is_empty() {
            self.addresses.remove(&address);
        }
    }
}

/// One that is not finished, until dropped.
#[derive(Debug)]
pub struct Handshake {
    table: Arc<Mutex<Table>>,
    address: Flow,
    number: u64,
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.table.lock().remove(self.address, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOTAL: usize = 256;
    const OF_ADDRESS: usize = 128;

    fn handshakes() -> Handshakes {
        Handshakes::new(HandshakeLimits {
            total: TOTAL,
            of_address: OF_ADDRESS,
        })
    }

    fn address(number: u32) -> IpAddr {
        IpAddr::V4((0x7f00_0000 + number).into())
    }

    /// How many of these go on.
    fn going_on(handshakes: &mut [(Handshake, oneshot::Receiver<()>)]) -> usize {
        let goes_on = |(_, dropped): &mut (Handshake, oneshot::Receiver<()>)| {
            dropped.try_recv() == Err(oneshot::error::TryRecvError::Empty)
        };
        handshakes.iter_mut().map(goes_on).filter(|on| *on).count()
    }

    #[test]
    fn ten_thousand_of_many_addresses_leave_the_newest() {
        let all = handshakes();
        let mut silent: Vec<_> = (0..10_000)
            .map(|number| all.begin(address(number % 500)))
            .collect();
        assert_eq!(going_on(&mut silent), TOTAL);
        assert_eq!(going_on(&mut silent[10_000 - TOTAL..]), TOTAL);
        assert!(all.are_many());
        drop(silent);
        assert!(!all.are_many());
        assert!(all.table.lock().addresses.is_empty());
    }

    #[test]
    fn a_greedy_address_drops_its_own_and_not_those_of_a_gateway() {
        let all = handshakes();
        let mut gateway = [all.begin(address(1))];
        let mut silent: Vec<_> = (0..10_000).map(|_| all.begin(address(2))).collect();
        assert_eq!(going_on(&mut silent), OF_ADDRESS);
        assert_eq!(going_on(&mut gateway), 1);
    }

    #[test]
    fn those_of_the_greediest_address_end_first() {
        let all = handshakes();
        let mut gateway = [all.begin(address(1))];
        let mut silent = Vec::new();
        for other in 2..200 {
            silent.extend((0..50).map(|_| all.begin(address(other))));
        }
        assert_eq!(going_on(&mut gateway), 1);
        assert_eq!(going_on(&mut silent), TOTAL - 1);
    }
}

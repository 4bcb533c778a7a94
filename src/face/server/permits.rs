//! Connection permits: a total that all servers share, and each client's part of it.
//!
//! A client is an address (IPv6: its first 64 bits). It may take a place while it holds fewer than [`SHARE`] times the places
//! that are free: the dynamic threshold of shared buffers in switches. So one client alone gets nine tenths of all places, two
//! get nearly half each, and even a thousand greedy ones leave a place for a client that holds none. Where no place is left
//! all the same, the oldest connection that has sent nothing yet, of the client that holds the most, gives way to a client
//! that holds fewer. Connections that have sent something are never closed for others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::model::Flow;

/// How many times the free places one client may hold.
const SHARE: usize = 9;

/// The places for connections. A clone shares them.
#[derive(Clone, Debug)]
pub struct ConnectionPermits(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    total: usize,
    open: Mutex<Open>,
}

/// The connections that are open.
#[derive(Debug, Default)]
struct Open {
    count: usize,
    clients: HashMap<Flow, ClientConnections>,
    /// The number of the next connection.
    next: u64,
}

/// The connections of one client.
#[derive(Debug, Default)]
struct ClientConnections {
    count: usize,
    /// Over each face.
    by_face: BTreeMap<&'static str, usize>,
    /// Those that have sent nothing yet, oldest first; a message makes one give way.
    silent: BTreeMap<u64, oneshot::Sender<()>>,
}

/// Why a connection gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMany {
    /// Over all clients.
    #[error("too many are open (--max-connections)")]
    Total,
    /// Of this client, over this face, or as its part of all places.
    #[error(
        "too many of its address are open (--{face}-connections-per-address, or its part of --max-connections)"
    )]
    OfClient {
        /// The face.
        face: &'static str,
    },
    /// Of this client's identity.
    #[error("too many of its identity are open (--connections-per-identity)")]
    OfIdentity,
}

impl TooMany {
    /// As a label of metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::OfClient { .. } => "address",
            Self::OfIdentity => "identity",
        }
    }
}

impl ConnectionPermits {
    /// So many places.
    pub fn new(total: usize) -> Self {
        Self(Arc::new(Shared {
            total,
            open: Mutex::default(),
        }))
    }

    /// Takes a place for a connection from this address, of which at most `most` may be open over this face (`None`: no
    /// limit of its own).
    pub fn acquire(
        &self,
        face: &'static str,
        peer: IpAddr,
        most: Option<usize>,
    ) -> Result<ConnectionPermit, TooMany> {
        let client = Flow::of_address(peer);
        let open = &mut *self.0.open.lock();
        let free = self.0.total.saturating_sub(open.count);
        let (held, of_face) = open.held(client, face);
        if most.is_some_and(|most| of_face >= most) {
            return Err(TooMany::OfClient { face });
        }
        if free > 0 && held >= SHARE.saturating_mul(free) {
            return Err(TooMany::OfClient { face });
        }
        if free == 0 && !open.make_one_give_way(held) {
            return Err(TooMany::Total);
        }
        let number = open.next;
        open.next += 1;
        open.count += 1;
        let connections = open.clients.entry(client).or_default();
        connections.count += 1;
        *connections.by_face.entry(face).or_default() += 1;
        Ok(ConnectionPermit {
            shared: Arc::clone(&self.0),
            client,
            face,
            number,
        })
    }
}

impl Open {
    /// How many connections a client holds, and how many of them over this face.
    fn held(&self, client: Flow, face: &str) -> (usize, usize) {
        self.clients.get(&client).map_or((0, 0), |connections| {
            let of_face = connections.by_face.get(face).copied();
            (connections.count, of_face.unwrap_or_default())
        })
    }

    /// Makes a silent connection of the client that holds the most give way to a client that holds `held`, at least two
    /// fewer; returns whether there is one. Its place is counted until it is closed, which is at once.
    fn make_one_give_way(&mut self, held: usize) -> bool {
        let silent = self.clients.values_mut();
        let silent = silent.filter(|client| !client.silent.is_empty());
        let oldest = |client: &ClientConnections| client.silent.keys().next().copied();
        let greediest = silent.max_by_key(|client| (client.count, oldest(client).map(Reverse)));
        let Some(client) = greediest.filter(|client| client.count > held + 1) else {
            return false;
        };
        let oldest = client.silent.pop_first();
        // One that has just ended frees its place by itself.
        oldest.is_some_and(|(_, gives_way)| gives_way.send(()).is_ok())
    }
}

/// The place of a connection, until dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    shared: Arc<Shared>,
    client: Flow,
    face: &'static str,
    number: u64,
}

impl ConnectionPermit {
    /// Notes that this connection has sent nothing yet, until the first value is dropped. The second is ready with `Ok` if it
    /// has to give way.
    pub(super) fn silent(&self) -> (Silent, oneshot::Receiver<()>) {
        let (gives_way, must_give_way) = oneshot::channel();
        let mut open = self.shared.open.lock();
        if let Some(connections) = open.clients.get_mut(&self.client) {
            connections.silent.insert(self.number, gives_way);
        }
        let silent = Silent {
            shared: Arc::clone(&self.shared),
            client: self.client,
            number: self.number,
        };
        (silent, must_give_way)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.shared.open.lock();
        open.count = open.count.saturating_sub(1);
        let Some(connections) = open.clients.get_mut(&self.client) else {
            return;
        };
        connections.silent.remove(&self.number);
        connections.count = connections.count.saturating_sub(1);
        if let Some(of_face) = connections.by_face.get_mut(self.face) {
            *of_face = of_face.saturating_sub(1);
        }
        if connections.count == 0 {
            open.clients.remove(&self.client);
        }
    }
}

/// A connection that has sent nothing yet: it may have to give way until this is dropped.
#[derive(Debug)]
pub(super) struct Silent {
    shared: Arc<Shared>,
    client: Flow,
    number: u64,
}

impl Drop for Silent {
    fn drop(&mut self) {
        let mut open = self.shared.open.lock();
        if let Some(connections) = open.clients.get_mut(&self.client) {
            connections.silent.remove(&self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACE: &str = "etcd";

    fn address(number: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 + number).into())
    }

    /// Takes places for a client until it gets no more.
    fn take_all(permits: &ConnectionPermits, client: u32) -> Vec<ConnectionPermit> {
        let take = || permits.acquire(FACE, address(client), None).ok();
        std::iter::from_fn(take).collect()
    }

    #[test]
    fn one_client_leaves_a_tenth_of_all_places() {
        let permits = ConnectionPermits::new(5_000);
        let held = take_all(&permits, 0);
        assert_eq!(held.len(), 4_500);
        let others: Vec<_> = (1..=400)
            .map(|other| permits.acquire(FACE, address(other), None))
            .collect();
        assert!(others.iter().all(Result::is_ok));
        drop(held);
        assert_eq!(take_all(&permits, 0).len(), 4_140);
    }

    #[test]
    fn a_thousand_greedy_clients_leave_a_place_for_one_that_holds_none() {
        let permits = ConnectionPermits::new(20_000);
        let mut held = Vec::new();
        // In turn, so that none is stopped early.
        loop {
            let before = held.len();
            held.extend(
                (0..1_000).filter_map(|client| permits.acquire(FACE, address(client), None).ok()),
            );
            if held.len() == before {
                break;
            }
        }
        assert!(held.len() > 19_900, "{}", held.len());
        assert!(permits.acquire(FACE, address(1_000), None).is_ok());
        let refused = permits.acquire(FACE, address(0), None).unwrap_err();
        assert_eq!(refused, TooMany::OfClient { face: FACE });
    }

    #[test]
    fn a_face_limits_each_client_for_itself() {
        let permits = ConnectionPermits::new(100);
        let consul = || permits.acquire("consul", address(1), Some(2));
        let held = [consul().unwrap(), consul().unwrap()];
        let refused = consul().unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("--consul-connections-per-address"),
            "{refused}"
        );
        assert!(permits.acquire("consul", address(2), Some(2)).is_ok());
        assert!(permits.acquire("etcd", address(1), None).is_ok());
        drop(held);
        assert!(consul().is_ok());
    }

    #[test]
    fn hosts_of_one_ipv6_network_are_one_client() {
        let permits = ConnectionPermits::new(100);
        let at = |text: &str| permits.acquire(FACE, text.parse().unwrap(), Some(1));
        let _held = at("fd00:1:2:3::1").unwrap();
        assert!(at("fd00:1:2:3:ffff::2").is_err());
        assert!(at("fd00:1:2:4::1").is_ok());
    }

    #[test]
    fn the_oldest_silent_connection_of_the_greediest_gives_way() {
        let permits = ConnectionPermits::new(4);
        let take = |client| permits.acquire(FACE, address(client), None);
        let held: Vec<_> = (0..3).map(|_| take(1).unwrap()).collect();
        let other = take(2).unwrap();
        let mut silent: Vec<_> = held.iter().map(ConnectionPermit::silent).collect();
        let (_other_is_silent, mut other_gives_way) = other.silent();
        // The oldest has sent something by now.
        drop(silent.remove(0).0);
        let newcomer = take(3).unwrap();
        assert_eq!(silent[0].1.try_recv(), Ok(()));
        assert!(silent[1].1.try_recv().is_err() && other_gives_way.try_recv().is_err());
        // The greediest itself gets no place by that.
        assert_eq!(take(1).unwrap_err(), TooMany::Total);
        drop((held, newcomer));
        assert!(take(1).is_ok());
    }

    /// Or else two clients would take the last place from one another for ever.
    #[test]
    fn a_client_that_holds_one_fewer_gets_no_place_by_it() {
        let permits = ConnectionPermits::new(3);
        let take = |client| permits.acquire(FACE, address(client), None);
        let held = [take(1).unwrap(), take(1).unwrap()];
        let _other = take(2).unwrap();
        let _silent = held.each_ref().map(ConnectionPermit::silent);
        assert_eq!(take(2).unwrap_err(), TooMany::Total);
    }

    #[test]
    fn a_connection_that_has_ended_is_not_asked_to_give_way() {
        let permits = ConnectionPermits::new(3);
        let take = |client| permits.acquire(FACE, address(client), None);
        let mut held: Vec<_> = (0..3).map(|_| take(1).unwrap()).collect();
        let mut silent: Vec<_> = held.iter().map(ConnectionPermit::silent).collect();
        let (_first_is_silent, ended) = silent.remove(0);
        drop((held.remove(0), ended));
        let _second = take(2).unwrap();
        assert!(take(3).is_ok());
        assert_eq!(silent[0].1.try_recv(), Ok(()));
    }

    #[test]
    fn connections_that_have_sent_something_do_not_give_way() {
        let permits = ConnectionPermits::new(4);
        let held: Vec<_> = (0..4)
            .map(|_| permits.acquire(FACE, address(1), None).unwrap())
            .collect();
        assert_eq!(
            permits.acquire(FACE, address(2), None).unwrap_err(),
            TooMany::Total
        );
        drop(held);
    }
}

//! `LongHeads`: permits for requests whose line and headers are long.
//!
//! All together they could fill the memory, so a few are read and answered at a time. They come from anybody, and slowly if their
//! client likes: so one client has a part of the permits, and waits for itself.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::Flow;

/// The part of the permits that one client may have: one of so many parts.
const PART_OF_CLIENT: usize = 4;

/// The permits.
#[derive(Debug)]
pub(super) struct LongHeads {
    all: Arc<Semaphore>,
    of_client: usize,
    clients: Arc<Mutex<HashMap<Flow, ClientHeads>>>,
}

/// A client that has permits or waits for some.
#[derive(Debug)]
struct ClientHeads {
    permits: Arc<Semaphore>,
    /// How many have one or wait for one.
    users: usize,
}

/// A permit, until dropped.
#[derive(Debug)]
pub(super) struct LongHeadPermit {
    _of_all: Option<OwnedSemaphorePermit>,
    _of_client: Option<OwnedSemaphorePermit>,
    _user: ClientUser,
}

/// Keeps what is known of a client.
#[derive(Debug)]
struct ClientUser {
    clients: Arc<Mutex<HashMap<Flow, ClientHeads>>>,
    flow: Flow,
}

impl LongHeads {
    /// So many permits.
    pub(super) fn new(count: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(count)),
            of_client: (count / PART_OF_CLIENT).max(1),
            clients: Arc::default(),
        }
    }

    /// Waits for a permit.
    pub(super) async fn acquire(&self, flow: Flow) -> LongHeadPermit {
        let own = {
            let mut clients = self.clients.lock();
            let client = clients.entry(flow).or_insert_with(|| ClientHeads {
                permits: Arc::new(Semaphore::new(self.of_client)),
                users: 0,
            });
            client.users += 1;
            Arc::clone(&client.permits)
        };
        let user = ClientUser {
            clients: Arc::clone(&self.clients),
            flow,
        };
        // They are never closed. The client's own first: in the line of all, none of it stands more often than it may.
        let of_client = own.acquire_owned().await.ok();
        let of_all = Arc::clone(&self.all).acquire_owned().await.ok();
        LongHeadPermit {
            _of_all: of_all,
            _of_client: of_client,
            _user: user,
        }
    }
}

impl Drop for ClientUser {
    fn drop(&mut self) {
        let mut clients = self.clients.lock();
        if let Some(client) = clients.get_mut(&self.flow) {
            client.users = client.users.saturating_sub(1);
            if client.users == 0 {
                clients.remove(&self.flow);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn flow(host: u8) -> Flow {
        Flow::of_address([10, 0, 0, host].into())
    }

    #[tokio::test]
    async fn one_client_has_a_quarter_of_the_permits_and_none_more_than_there_are() {
        let heads = LongHeads::new(8);
        let take = |host| heads.acquire(flow(host)).now_or_never();
        let mut held = vec![take(1).unwrap(), take(1).unwrap()];
        assert!(take(1).is_none());
        for host in 2..5 {
            held.extend([take(host).unwrap(), take(host).unwrap()]);
        }
        assert!(take(5).is_none(), "all are taken");
        held.remove(0);
        assert!(take(5).is_some());
        drop(held);
        assert!(heads.clients.lock().is_empty());
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_nothing() {
        let heads = LongHeads::new(1);
        let held = heads.acquire(flow(1)).await;
        let mut waits = Box::pin(heads.acquire(flow(2)));
        assert!((&mut waits).now_or_never().is_none());
        drop(waits);
        assert_eq!(heads.clients.lock().len(), 1);
        drop(held);
        assert!(heads.clients.lock().is_empty());
        drop(heads.acquire(flow(2)).await);
    }
}

//! `Connections`: the connections that have a session, by session: one at a time has each.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::counters::{ConnectionCounters, RequestFigures};
use super::session::ClientSessionId;

/// All connections that have a session.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    by_number: BTreeMap<u64, OpenConnection>,
    by_session: HashMap<ClientSessionId, u64>,
    /// Of connections that have ended.
    ended: RequestFigures,
}

#[derive(Debug)]
struct OpenConnection {
    counters: Arc<ConnectionCounters>,
    /// Sent to when another connection takes the session up.
    moves: Option<oneshot::Sender<()>>,
}

/// A connection's hold of its session, until dropped.
#[derive(Debug)]
pub(super) struct SessionHold {
    connections: Arc<Connections>,
    number: u64,
    session: ClientSessionId,
}

impl Connections {
    /// Gives a session to a connection; the one that had it must end. The receiver is ready when another connection has taken the
    /// session up.
    pub(super) fn hold(
        self: &Arc<Self>,
        session: ClientSessionId,
        counters: &Arc<ConnectionCounters>,
    ) -> (SessionHold, oneshot::Receiver<()>) {
        let (moves, moved) = oneshot::channel();
        let open = &mut *self.0.lock();
        let number = open.next;
        open.next += 1;
        let connection = OpenConnection {
            counters: Arc::clone(counters),
            moves: Some(moves),
        };
        open.by_number.insert(number, connection);
        let before = open.by_session.insert(session, number);
        let before = before.and_then(|before| open.by_number.get_mut(&before));
        if let Some(moves) = before.and_then(|before| before.moves.take()) {
            // One that has just ended needs no word.
            let _ended = moves.send(());
        }
        let hold = SessionHold {
            connections: Arc::clone(self),
            number,
            session,
        };
        (hold, moved)
    }

    /// The counters of each, oldest first.
    pub(super) fn all(&self) -> Vec<Arc<ConnectionCounters>> {
        let open = self.0.lock();
        let all = open.by_number.values();
        all.map(|one| Arc::clone(&one.counters)).collect()
    }

    /// The counts of all that are or were.
    pub(super) fn totals(&self) -> RequestFigures {
        let open = self.0.lock();
        let all = open.by_number.values();
        let all = all.map(|one| one.counters.totals().figures());
        all.fold(open.ended, RequestFigures::and)
    }
}

impl Drop for SessionHold {
    fn drop(&mut self) {
        let open = &mut *self.connections.0.lock();
        if let Some(connection) = open.by_number.remove(&self.number) {
            open.ended = open.ended.and(connection.counters.totals().figures());
        }
        if open.by_session.get(&self.session) == Some(&self.number) {
            open.by_session.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::zookeeper::session::ClientSession;

    #[test]
    fn one_connection_has_a_session_and_the_one_before_is_told() {
        let all = Arc::new(Connections::default());
        let session = ClientSession::for_tests([7; 8]);
        let peer = "127.0.0.1:1".parse().unwrap();
        let counters = Arc::new(ConnectionCounters::new(peer, &session));
        let (first, mut moved) = all.hold(session.id, &counters);
        assert!(moved.try_recv().is_err());
        let (second, mut moved_again) = all.hold(session.id, &counters);
        assert_eq!(moved.try_recv(), Ok(()));
        counters.totals().receive(2);
        // Both have the same counters here, with the request for the session.
        drop(first);
        assert_eq!((all.all().len(), all.totals().received), (1, 6));
        assert!(moved_again.try_recv().is_err());
        drop(second);
        assert_eq!((all.all().len(), all.totals().received), (0, 6));
        assert!(all.0.lock().by_session.is_empty());
    }
}

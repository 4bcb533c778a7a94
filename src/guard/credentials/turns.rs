//! `VerificationTurns`: whose password or token is verified next.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::{Caller, Flow};
use crate::space::NotAuthenticated;

/// How many requests of one client wait for their turn.
const MOST_WAITING: usize = 16;

/// Turns of clients, one at a time each: whoever guesses, however many connections it has, waits for itself.
#[derive(Clone, Debug, Default)]
pub(in crate::guard) struct VerificationTurns(Arc<Mutex<HashMap<Flow, Line>>>);

/// Those of one client that have their turn or wait for it.
#[derive(Debug)]
struct Line {
    turn: Arc<Semaphore>,
    length: usize,
}

/// A place in the line of a client, until dropped.
#[derive(Debug)]
pub(in crate::guard) struct PlaceInLine {
    turns: VerificationTurns,
    flow: Flow,
    turn: Arc<Semaphore>,
}

impl VerificationTurns {
    /// In whose line a caller waits: that of its address.
    pub(in crate::guard) fn flow_of(caller: &Caller) -> Flow {
        match caller {
            Caller::Client { peer, .. } => Flow::of_address(peer.ip()),
            Caller::Operator | Caller::System => Flow::Exempt,
        }
    }

    /// A place behind the others of a client.
    pub(in crate::guard) fn enter(&self, flow: Flow) -> Result<PlaceInLine, NotAuthenticated> {
        let mut lines = self.0.lock();
        let line = lines.entry(flow).or_insert_with(|| Line {
            turn: Arc::new(Semaphore::new(1)),
            length: 0,
        });
        if line.length > MOST_WAITING {
            return Err(NotAuthenticated::TooMany);
        }
        line.length += 1;
        Ok(PlaceInLine {
            turns: self.clone(),
            flow,
            turn: Arc::clone(&line.turn),
        })
    }
}

impl PlaceInLine {
    /// Waits for the turn, which lasts until what is returned is dropped. `None` never happens: no line is closed.
    pub(in crate::guard) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.turn).acquire_owned().await.ok()
    }
}

impl Drop for PlaceInLine {
    fn drop(&mut self) {
        let mut lines = self.turns.0.lock();
        if let Some(line) = lines.get_mut(&self.flow) {
            line.length = line.length.saturating_sub(1);
            if line.length == 0 {
                lines.remove(&self.flow);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(host: u8) -> Flow {
        Flow::of_address([10, 0, 0, host].into())
    }

    #[tokio::test]
    async fn one_of_each_client_has_its_turn_and_a_bounded_number_wait() {
        let turns = VerificationTurns::default();
        let places: Vec<_> = (0..=MOST_WAITING)
            .map(|_| turns.enter(flow(1)).unwrap())
            .collect();
        assert_eq!(turns.enter(flow(1)).unwrap_err(), NotAuthenticated::TooMany);
        let first = places[0].turn().await.unwrap();
        assert_eq!(places[1].turn.available_permits(), 0);
        let other = turns.enter(flow(2)).unwrap();
        let _turn_of_another = other.turn().await.unwrap();
        drop(first);
        let _second = places[1].turn().await.unwrap();
        drop(places);
        assert_eq!(turns.0.lock().len(), 1, "who waits no more takes no memory");
    }
}

//! Body budget: the memory that the body of the request on a connection takes, reserved as its bytes arrive.

use std::io;

use super::framing::Framing;
use crate::fairness::{Fairness, Overloaded, Reservation};
use crate::model::Flow;

/// Bodies up to this length, in bytes, take part in no budget: there are no more of them than connections.
const SMALL: usize = 16 << 10;

/// The longest body that any face reads, in bytes: of a longer one it reads so much at most.
const LONGEST: usize = 10 << 20;

/// What the body of one request takes of the budget of bodies, until dropped.
#[derive(Debug)]
pub(super) struct BodyBudget {
    fairness: Fairness,
    flow: Flow,
    /// The bytes that arrived.
    arrived: usize,
    reservation: Option<Reservation>,
    /// Why the rest of the body is not read.
    refused: Option<Overloaded>,
}

impl BodyBudget {
    /// The budget of a body of which nothing was read; `None` for one that is short. Refuses one that is longer than what is
    /// left for its client, before any of it is read. What a slow client has not sent is not reserved.
    pub(super) fn begin(
        fairness: &Fairness,
        flow: Flow,
        framing: Framing,
    ) -> Result<Option<Self>, Overloaded> {
        let length = match framing {
            Framing::Length(length) => usize::try_from(length).unwrap_or(LONGEST),
            // They say no length.
            Framing::Chunked(_) | Framing::Broken => SMALL + 1,
        };
        if length <= SMALL {
            return Ok(None);
        }
        drop(fairness.bodies().reserve(flow, length.min(LONGEST))?);
        Ok(Some(Self {
            fairness: fairness.clone(),
            flow,
            arrived: 0,
            reservation: None,
            refused: None,
        }))
    }

    /// Counts bytes that arrived. After an error the body must not be read any further.
    pub(super) fn count(&mut self, bytes: usize) -> io::Result<()> {
        self.arrived = self.arrived.saturating_add(bytes);
        if self.arrived <= SMALL {
            return Ok(());
        }
        let reserved = if let Some(reservation) = &mut self.reservation {
            reservation.grow(bytes)
        } else {
            let reserved = self.fairness.bodies().reserve(self.flow, self.arrived);
            reserved.map(|reservation| self.reservation = Some(reservation))
        };
        reserved.map_err(|overloaded| {
            self.refused = Some(overloaded);
            io::Error::new(io::ErrorKind::QuotaExceeded, overloaded.to_string())
        })
    }

    /// Why the body was not read to its end, if the budget had too little left: the answer says that, whatever the face
    /// makes of a body that broke off.
    pub(super) fn refused(&self) -> Option<Overloaded> {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::http::framing::Chunk;

    const CHUNKED: Framing = Framing::Chunked(Chunk::Size);

    fn begin(fairness: &Fairness, client: u8, framing: Framing) -> Result<BodyBudget, Overloaded> {
        let flow = Flow::of_address([10, 0, 0, client].into());
        BodyBudget::begin(fairness, flow, framing).map(Option::unwrap)
    }

    fn long() -> Framing {
        Framing::Length(u64::try_from(LONGEST).unwrap())
    }

    #[test]
    fn short_bodies_reserve_nothing() {
        let fairness = Fairness::default();
        let flow = Flow::of_address([10, 0, 0, 1].into());
        let short = Framing::Length(u64::try_from(SMALL).unwrap());
        assert!(BodyBudget::begin(&fairness, flow, short).unwrap().is_none());
        let mut chunks = begin(&fairness, 1, CHUNKED).unwrap();
        chunks.count(SMALL).unwrap();
        assert_eq!(fairness.bodies().used(), 0);
    }

    #[test]
    fn a_slow_body_holds_what_has_arrived_of_it() {
        let fairness = Fairness::default();
        let mut body = begin(&fairness, 1, long()).unwrap();
        assert_eq!(fairness.bodies().used(), 0);
        body.count(20_000).unwrap();
        body.count(10_000).unwrap();
        assert_eq!(fairness.bodies().used(), 30_000);
        drop(body);
        assert_eq!(fairness.bodies().used(), 0);
    }

    #[test]
    fn a_body_that_turns_out_long_holds_all_of_it() {
        let fairness = Fairness::default();
        let mut chunks = begin(&fairness, 1, CHUNKED).unwrap();
        chunks.count(10_000).unwrap();
        assert_eq!(fairness.bodies().used(), 0);
        chunks.count(10_000).unwrap();
        assert_eq!(fairness.bodies().used(), 20_000);
    }

    #[test]
    fn one_client_is_refused_before_its_body_is_read_and_others_are_not() {
        let fairness = Fairness::default();
        let mut chunks = begin(&fairness, 1, CHUNKED).unwrap();
        let mut held = Vec::new();
        let refused = loop {
            match begin(&fairness, 1, long()) {
                Ok(mut body) => {
                    body.count(LONGEST).unwrap();
                    held.push(body);
                }
                Err(refused) => break refused,
            }
        };
        assert!(
            matches!(
                refused,
                Overloaded::BytesOfClient { .. } | Overloaded::Bytes { .. }
            ),
            "{refused}"
        );
        assert!(fairness.bodies().used() <= fairness.bodies().limit() / 2);
        begin(&fairness, 2, long()).unwrap().count(LONGEST).unwrap();
        // Chunks say no length: they are refused as they arrive.
        let broke = (0..LONGEST / 1_024).any(|_| chunks.count(1_024).is_err());
        assert!(broke && chunks.refused().is_some());
    }
}

//! `Lane`: the requests of one connection, which take effect and are answered in the order in which they came.
//!
//! Changes are proposed one after another without waiting until they are durable. All else waits until the changes before it
//! are answered, and changes behind it wait for it, so that a read shows what came before it and nothing that came after.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::time::Instant;

use crate::face::server::RequestInFlight;
use crate::face::zookeeper::docker_client::DockerList;
use crate::face::zookeeper::operations::{ChangeRefusal, ChangeRequest, ReadOutcome, Reply};
use crate::face::zookeeper::watch_table::WatchesSetAgain;
use crate::fairness::{Reservation, Seat};
use crate::space::{AcceptedChange, ChangeError, Committed, LanePlace, Proposed};
use crate::wire::zookeeper::{ClientRequest, ErrorCode, Malformed};

/// The most requests that wait for their turn; then nothing more is read.
const WAITING: usize = 1_000;

/// The most bytes that they take.
const WAITING_BYTES: usize = 1 << 20;

/// The most changes in flight.
const IN_FLIGHT: usize = 128;

/// A request that is not answered yet.
#[derive(Debug)]
pub(super) struct RequestTicket {
    /// Its number, which the answer repeats.
    pub(super) xid: i32,
    /// The operation, as the client numbers it.
    pub(super) op: i32,
    /// Its answer is a list of dockerd's.
    pub(super) docker: Option<DockerList>,
    /// When it came.
    pub(super) came: Instant,
    /// Counts it.
    pub(super) metric: RequestInFlight,
    /// The length of its frame, in bytes.
    pub(super) bytes: usize,
    /// Of a long one, until it is answered.
    pub(super) _body: Option<Reservation>,
}

/// A request that waits for its turn.
#[derive(Debug)]
pub(super) enum Waiting {
    /// It has only been read.
    Read(RequestTicket, Result<ClientRequest, Malformed>),
    /// A change that may have to be decided again.
    Change(RequestTicket, Arc<ChangeRequest>),
    /// One whose answer is known.
    Known(RequestTicket, Result<Reply, ErrorCode>),
}

/// A request whose turn has come, and that takes a while.
pub(super) type Beginning = Pin<Box<dyn Future<Output = Begun> + Send>>;

/// What became of a request whose turn has come.
#[derive(Debug)]
pub(super) enum Begun {
    /// A change was proposed, with the seat that it has.
    Proposed(
        RequestTicket,
        Arc<ChangeRequest>,
        Seat,
        Proposed<Reply, ChangeRefusal>,
    ),
    /// Sequence nodes were created one after another.
    Made(Vec<(RequestTicket, Arc<ChangeRequest>, NodeChangeAnswer)>),
    /// Nodes were read, at this revision.
    Read(RequestTicket, ReadOutcome, u64),
    /// Watches are to be set again, and this becomes of them.
    WatchesFound(RequestTicket, Box<WatchesSetAgain>),
    /// There is no room to find that out.
    WatchesNotFound,
    /// The session was ended.
    Closed(RequestTicket, Result<u64, ()>),
    /// There is no room for it.
    Overloaded(RequestTicket),
    /// There is no room for these creates.
    AllOverloaded(Vec<(RequestTicket, Arc<ChangeRequest>)>),
}

/// A request that was begun and is not answered.
#[derive(Debug)]
pub(super) enum Flying {
    /// A change that is in flight.
    Change(
        RequestTicket,
        Arc<ChangeRequest>,
        #[expect(dead_code, reason = "it is held until the change is answered")] Seat,
        AcceptedChange<Reply, ChangeRefusal>,
    ),
    /// A change that wrote nothing, or had none in flight before it, and whose answer waits for those before it.
    Decided(RequestTicket, Arc<ChangeRequest>, NodeChangeAnswer),
    /// One whose answer is known.
    Known(RequestTicket, Result<Reply, ErrorCode>),
}

/// The answer of the keyspace to a change.
pub(super) type NodeChangeAnswer = Result<Committed<Reply>, ChangeError<ChangeRefusal>>;

/// What has happened in a lane.
#[derive(Debug)]
pub(super) enum LaneProgress {
    /// A request was begun.
    Begun(Begun),
    /// A request is answered next.
    Answer(LaneAnswer),
    /// Everything in flight must be decided again.
    Failed,
}

/// An answer that is next in order.
#[derive(Debug)]
pub(super) enum LaneAnswer {
    /// Of a change.
    OfChange(RequestTicket, Arc<ChangeRequest>, NodeChangeAnswer),
    /// One that was known.
    Known(RequestTicket, Result<Reply, ErrorCode>),
}

/// The requests of one connection.
#[derive(Default)]
pub(super) struct Lane {
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    beginning: Option<Beginning>,
    flying: VecDeque<Flying>,
    /// What was accepted last has failed: all that is in flight is decided again, when what begins now has begun.
    failed: bool,
    /// The change that waits first was not decided because of what is in flight.
    waits: bool,
    /// A change was not made, or perhaps not: nothing that was sent after it is begun, and its answer ends the connection.
    ends: bool,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("waiting", &self.waiting.len())
            .field("flying", &self.flying.len())
            .finish_non_exhaustive()
    }
}

impl Lane {
    /// Whether more requests may be read.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING && self.waiting_bytes < WAITING_BYTES
    }

    /// The bytes of the requests that wait for their turn.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Whether all requests are answered.
    pub(super) fn is_idle(&self) -> bool {
        self.len() == 0
    }

    /// How many requests are not answered.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.flying.len() + usize::from(self.beginning.is_some())
    }

    /// Puts in a request that was read.
    pub(super) fn push(
        &mut self,
        ticket: RequestTicket,
        request: Result<ClientRequest, Malformed>,
    ) {
        self.waiting_bytes = self.waiting_bytes.saturating_add(ticket.bytes);
        self.waiting.push_back(Waiting::Read(ticket, request));
    }

    /// Takes the next request, if its turn has come.
    pub(super) fn take_turn(&mut self) -> Option<Waiting> {
        if self.beginning.is_some() || self.failed || self.ends || self.flying.len() >= IN_FLIGHT {
            return None;
        }
        let waits = match self.waiting.front()? {
            Waiting::Read(_, Ok(ClientRequest::Change(_))) | Waiting::Change(..) => self.waits,
            Waiting::Read(_, Ok(_)) => true,
            Waiting::Read(_, Err(_)) | Waiting::Known(..) => false,
        };
        if waits && !self.flying.is_empty() {
            return None;
        }
        self.waits = false;
        let next = self.waiting.pop_front()?;
        let bytes = ticket_of(&next).bytes;
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        Some(next)
    }

    /// Whether the next request is a change, which may be begun with those before it.
    pub(super) fn is_change_next(&self) -> bool {
        match self.waiting.front() {
            Some(Waiting::Read(_, Ok(ClientRequest::Change(_))) | Waiting::Change(..)) => true,
            Some(Waiting::Read(..) | Waiting::Known(..)) | None => false,
        }
    }

    /// Puts back a request that must not be begun before those that are about to be.
    pub(super) fn put_back_first(&mut self, waiting: Waiting) {
        self.wait_again(waiting);
    }

    /// Begins a request that takes a while.
    pub(super) fn begin(&mut self, beginning: Beginning) {
        self.beginning = Some(beginning);
    }

    /// The place of the last change in flight.
    pub(super) fn place(&self) -> Option<LanePlace> {
        self.flying.iter().rev().find_map(|flying| match flying {
            Flying::Change(_, _, _, change) => Some(change.place()),
            Flying::Decided(..) | Flying::Known(..) => None,
        })
    }

    /// Puts in what was begun.
    pub(super) fn fly(&mut self, flying: Flying) {
        if let Flying::Decided(_, _, Err(ChangeError::Failed(failed))) = &flying {
            self.ends |= failed.stops_those_behind();
        }
        self.flying.push_back(flying);
    }

    /// Puts a change back that was not decided because of those in flight.
    pub(super) fn put_back(&mut self, ticket: RequestTicket, change: Arc<ChangeRequest>) {
        self.waits = true;
        self.wait_again(Waiting::Change(ticket, change));
    }

    fn wait_again(&mut self, waiting: Waiting) {
        let bytes = ticket_of(&waiting).bytes;
        self.waiting_bytes = self.waiting_bytes.saturating_add(bytes);
        self.waiting.push_front(waiting);
    }

    /// Decides everything in flight again, in its order, if what it rests on has failed.
    pub(super) fn redo(&mut self) {
        if !self.failed || self.beginning.is_some() {
            return;
        }
        self.failed = false;
        while let Some(flying) = self.flying.pop_back() {
            self.wait_again(match flying {
                // What is decided wrote nothing, with a change in flight before it.
                Flying::Change(ticket, change, ..) | Flying::Decided(ticket, change, _) => {
                    Waiting::Change(ticket, change)
                }
                Flying::Known(ticket, reply) => Waiting::Known(ticket, reply),
            });
        }
    }

    /// Waits for what is begun, or for the next answer in order if that is wanted. Safe to drop and call again.
    pub(super) async fn progress(&mut self, wants_answers: bool) -> LaneProgress {
        poll_fn(|cx| self.poll_progress(cx, wants_answers)).await
    }

    /// What is begun, or the next answer in order if that is wanted.
    pub(super) fn poll_progress(
        &mut self,
        cx: &mut Context<'_>,
        wants_answers: bool,
    ) -> Poll<LaneProgress> {
        if let Some(beginning) = &mut self.beginning
            && let Poll::Ready(begun) = beginning.as_mut().poll(cx)
        {
            self.beginning = None;
            return Poll::Ready(LaneProgress::Begun(begun));
        }
        if !wants_answers || self.failed {
            return Poll::Pending;
        }
        let next = ready!(self.poll_answer(cx));
        self.failed = next.is_none();
        Poll::Ready(next.map_or(LaneProgress::Failed, LaneProgress::Answer))
    }

    /// The next answer in order; `None` where what it rests on has failed.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Option<LaneAnswer>> {
        let answer = match self.flying.front_mut() {
            None => return Poll::Pending,
            Some(Flying::Change(_, _, _, change)) => {
                let Some(answer) = ready!(Pin::new(change).poll(cx)) else {
                    return Poll::Ready(None);
                };
                Some(answer)
            }
            Some(Flying::Decided(..) | Flying::Known(..)) => None,
        };
        Poll::Ready(match (self.flying.pop_front(), answer) {
            (Some(Flying::Change(ticket, change, ..)), Some(answer))
            | (Some(Flying::Decided(ticket, change, answer)), _) => {
                Some(LaneAnswer::OfChange(ticket, change, answer))
            }
            (Some(Flying::Known(ticket, reply)), _) => Some(LaneAnswer::Known(ticket, reply)),
            (Some(Flying::Change(..)) | None, _) => None,
        })
    }
}

fn ticket_of(waiting: &Waiting) -> &RequestTicket {
    match waiting {
        Waiting::Read(ticket, _) | Waiting::Change(ticket, _) | Waiting::Known(ticket, _) => ticket,
    }
}

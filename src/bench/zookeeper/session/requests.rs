//! `Requests`: the requests of a session that are unanswered, or whose replies nobody has taken, in the order they were sent.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::reply::Reply;

/// A request.
#[derive(Debug)]
enum Request {
    /// It is unanswered.
    Waiting { xid: i32, waker: Option<Waker> },
    /// It is unanswered, and nobody waits for the reply.
    Abandoned { xid: i32 },
    /// It was answered.
    Answered(Reply),
    /// Its reply was taken.
    Taken,
}

/// A reply that belongs to no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoSuchRequest;

/// The requests of a session. A reply is for the oldest unanswered one: servers answer in order.
#[derive(Debug, Default)]
pub(super) struct Requests {
    all: VecDeque<Request>,
    /// The number of the first in `all`.
    first: u64,
    /// How many of `all`, from the first on, are answered.
    answered: usize,
    last_xid: i32,
}

impl Requests {
    /// Adds a request; returns its number and its xid.
    pub(super) fn add(&mut self) -> (u64, i32) {
        let xid = self.last_xid.checked_add(1).unwrap_or(1);
        self.last_xid = xid;
        let count = u64::try_from(self.all.len()).unwrap_or(u64::MAX);
        self.all.push_back(Request::Waiting { xid, waker: None });
        (self.first.saturating_add(count), xid)
    }

    /// Takes the request that was added last back.
    pub(super) fn take_back(&mut self) {
        self.all.pop_back();
    }

    /// Hands a reply to the oldest unanswered request.
    pub(super) fn answer(&mut self, xid: i32, reply: Reply) -> Result<(), NoSuchRequest> {
        let oldest = self.all.get_mut(self.answered).ok_or(NoSuchRequest)?;
        match oldest {
            Request::Waiting { xid: sent, waker } if *sent == xid => {
                let waker = waker.take();
                *oldest = Request::Answered(reply);
                self.answered += 1;
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Request::Abandoned { xid: sent } if *sent == xid => {
                *oldest = Request::Taken;
                self.answered += 1;
                self.forget_taken();
            }
            Request::Waiting { .. }
            | Request::Abandoned { .. }
            | Request::Answered(_)
            | Request::Taken => return Err(NoSuchRequest),
        }
        Ok(())
    }

    /// Takes the reply to a request, or waits for it.
    pub(super) fn poll_reply(&mut self, number: u64, cx: &Context<'_>) -> Poll<Option<Reply>> {
        let Some(request) = self.request(number) else {
            return Poll::Ready(None);
        };
        if let Request::Waiting { waker, .. } = request {
            if waker.as_ref().is_none_or(|old| !old.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        let taken = std::mem::replace(request, Request::Taken);
        self.forget_taken();
        match taken {
            Request::Answered(reply) => Poll::Ready(Some(reply)),
            Request::Waiting { .. } | Request::Abandoned { .. } | Request::Taken => {
                Poll::Ready(None)
            }
        }
    }

    /// Nobody waits for the reply any more.
    pub(super) fn abandon(&mut self, number: u64) {
        let Some(request) = self.request(number) else {
            return;
        };
        match request {
            Request::Waiting { xid, .. } => *request = Request::Abandoned { xid: *xid },
            Request::Answered(_) => *request = Request::Taken,
            Request::Abandoned { .. } | Request::Taken => {}
        }
        self.forget_taken();
    }

    /// Wakes everybody who waits.
    pub(super) fn wake_all(&mut self) {
        for request in &mut self.all {
            if let Request::Waiting { waker, .. } = request
                && let Some(waker) = waker.take()
            {
                waker.wake();
            }
        }
    }

    fn request(&mut self, number: u64) -> Option<&mut Request> {
        let place = number.checked_sub(self.first)?;
        self.all.get_mut(usize::try_from(place).ok()?)
    }

    fn forget_taken(&mut self) {
        while let Some(Request::Taken) = self.all.front() {
            self.all.pop_front();
            self.first = self.first.saturating_add(1);
            self.answered = self.answered.saturating_sub(1);
        }
    }
}

//! `ReplyFuture`: the reply to be of a request that was queued.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::reply::Reply;
use super::state::{Shared, State};
use crate::bench::client::Failure;
use crate::wire::zookeeper::{JuteRecord, OpCode, RequestHeader, append_frame};

/// The reply to be of a request that was queued.
#[derive(Debug)]
#[must_use = "the reply says whether the request succeeded"]
pub struct ReplyFuture {
    shared: Arc<Shared>,
    /// The number of the request, until its reply was taken, or why it was not queued.
    request: Result<Option<u64>, Failure>,
}

impl ReplyFuture {
    /// Queues a request.
    pub(super) fn of(shared: &Arc<Shared>, op: OpCode, record: &impl JuteRecord) -> Self {
        let request = Self::queue(&mut shared.lock(), op, record);
        Self {
            shared: Arc::clone(shared),
            request: request.map(Some),
        }
    }

    fn queue(state: &mut State, op: OpCode, record: &impl JuteRecord) -> Result<u64, Failure> {
        if let Some(failure) = &state.failure {
            return Err(failure.clone());
        }
        let (number, xid) = state.requests.add();
        let op = op.number();
        let appended = append_frame(&mut state.output, |to| {
            RequestHeader { xid, op }.write(to);
            record.write(to);
        });
        if let Err(why) = appended {
            state.requests.take_back();
            return Err(Failure::Refused(why.to_string()));
        }
        state.wake_driver();
        Ok(number)
    }
}

impl Future for ReplyFuture {
    type Output = Result<Reply, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let number = match &self.request {
            Ok(Some(number)) => *number,
            Ok(None) => return Poll::Pending,
            Err(failure) => return Poll::Ready(Err(failure.clone())),
        };
        let polled = {
            let mut state = self.shared.lock();
            match (state.requests.poll_reply(number, cx), &state.failure) {
                (Poll::Ready(Some(reply)), _) => Ok(reply),
                (_, Some(failure)) => Err(failure.clone()),
                (Poll::Ready(None), None) => Err(Failure::BadAnswer("no such request".to_owned())),
                (Poll::Pending, None) => return Poll::Pending,
            }
        };
        if polled.is_ok() {
            self.request = Ok(None);
        }
        Poll::Ready(polled)
    }
}

impl Drop for ReplyFuture {
    fn drop(&mut self) {
        if let Ok(Some(number)) = self.request {
            self.shared.lock().requests.abandon(number);
        }
    }
}

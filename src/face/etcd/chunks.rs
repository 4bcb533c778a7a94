//! A body that is made while it is sent.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::Frame;

/// The body breaks off here: the client sees a broken connection, not an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the gateway is stopping")]
pub(super) struct BrokenOff;

/// Where the pieces of a body come from. Dropped when the client hangs up.
pub(super) trait Source: Sized + Send + 'static {
    /// The next piece, or nothing more.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, BrokenOff>>> + Send;
}

/// A body of what the source gives, each piece sent as soon as it is there.
pub(super) fn body(source: impl Source) -> Body {
    Body::new(Chunks {
        step: Some(Box::pin(step(source))),
    })
}

type Step<S> = Pin<Box<dyn Future<Output = Option<(Result<Bytes, BrokenOff>, S)>> + Send>>;

struct Chunks<S> {
    step: Option<Step<S>>,
}

async fn step<S: Source>(mut source: S) -> Option<(Result<Bytes, BrokenOff>, S)> {
    source.next().await.map(|piece| (piece, source))
}

impl<S: Source> http_body::Body for Chunks<S> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Some(next) = self.step.as_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(done) = next.as_mut().poll(context) else {
            return Poll::Pending;
        };
        let (piece, rest) = match done {
            None => (None, None),
            Some((Err(broken), _)) => (Some(Err(broken)), None),
            Some((Ok(bytes), source)) => {
                let rest: Step<S> = Box::pin(step(source));
                (Some(Ok(Frame::data(bytes))), Some(rest))
            }
        };
        self.step = rest;
        Poll::Ready(piece)
    }
}

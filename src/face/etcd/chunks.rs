//! Streamed body: made piece by piece while it is sent.

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

/// The source of a body's pieces. Dropped when the client hangs up.
pub(super) trait ChunkSource: Sized + Send + 'static {
    /// The next piece, or nothing more.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, BrokenOff>>> + Send;
}

/// A body of the source's pieces, each sent as soon as it is ready.
pub(super) fn body(source: impl ChunkSource) -> Body {
    Body::new(Chunks {
        next: Some(Box::pin(next_piece(source))),
    })
}

type NextPiece<S> = Pin<Box<dyn Future<Output = Option<(Result<Bytes, BrokenOff>, S)>> + Send>>;

struct Chunks<S> {
    next: Option<NextPiece<S>>,
}

async fn next_piece<S: ChunkSource>(mut source: S) -> Option<(Result<Bytes, BrokenOff>, S)> {
    source.next().await.map(|piece| (piece, source))
}

impl<S: ChunkSource> http_body::Body for Chunks<S> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let Some(next) = self.next.as_mut() else {
            return Poll::Ready(None);
        };
        let Poll::Ready(done) = next.as_mut().poll(context) else {
            return Poll::Pending;
        };
        let (piece, rest) = match done {
            None => (None, None),
            Some((Err(broken), _)) => (Some(Err(broken)), None),
            Some((Ok(bytes), source)) => {
                let rest: NextPiece<S> = Box::pin(next_piece(source));
                (Some(Ok(Frame::data(bytes))), Some(rest))
            }
        };
        self.next = rest;
        Poll::Ready(piece)
    }
}

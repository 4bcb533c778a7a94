//! Request body: read from the connection as the face consumes it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::Sleep;

use super::buffers::ConnectionBuffers;
use super::framing::Framing;

/// The body of a request; reading fails when the client pauses for too long.
#[derive(Debug)]
pub(super) struct RequestBody {
    buffers: Arc<Mutex<ConnectionBuffers>>,
    /// Its length, where the request has a `Content-Length`.
    length: Option<u64>,
    pause: Duration,
    end: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    /// The body of the request whose head was just read.
    pub(super) fn new(buffers: &Arc<Mutex<ConnectionBuffers>>, pause: Duration) -> Self {
        let length = match buffers.lock().framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked(_) | Framing::Broken => None,
        };
        Self {
            buffers: Arc::clone(buffers),
            length,
            pause,
            end: None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let mut buffers = this.buffers.lock();
        if let Poll::Ready(piece) = buffers.poll_body(cx) {
            this.end = None;
            return Poll::Ready(
                piece.map(|piece| piece.and_then(|piece| counted(&mut buffers, piece))),
            );
        }
        let pause = this.pause;
        let end = || Box::pin(tokio::time::sleep(pause));
        ready!(this.end.get_or_insert_with(end).as_mut().poll(cx));
        // Later bytes belong to this body and must not be read as a request.
        buffers.framing = Framing::Broken;
        let late = "the body of the request did not come in time";
        let error = io::Error::new(io::ErrorKind::TimedOut, late);
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.length == Some(0) || self.buffers.lock().framing.is_done()
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// A piece of a body, reserved from the budget of bodies where one bounds it.
fn counted(buffers: &mut ConnectionBuffers, piece: Bytes) -> io::Result<Frame<Bytes>> {
    if let Some(budget) = &mut buffers.budget
        && let Err(error) = budget.count(piece.len())
    {
        // The rest is not read, and must not be taken for a request.
        buffers.framing = Framing::Broken;
        return Err(error);
    }
    Ok(Frame::data(piece))
}

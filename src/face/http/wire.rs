//! Wire: the bytes of one connection, buffered both ways, with an end to waiting for a client that takes none.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::Sleep;

use super::framing::{Framing, Step};
use crate::face::server::{HungUp, Stream};

/// How much is read at once, in bytes: enough for nearly every head.
const READ: usize = 4 << 10;

/// How much is read at once of a long body.
const READ_BODY: usize = 64 << 10;

/// How much is read ahead while an answer is made, so that the client's end is seen behind it.
const AHEAD: usize = 64 << 10;

/// How often a client that has sent more than that is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Pieces of an answer up to this length, in bytes, are copied together; longer ones are sent from where they are.
const SMALL: usize = 16 << 10;

/// A connection's bytes.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What was read and not taken yet.
    pub(super) input: BytesMut,
    /// What is to be written.
    output: BytesMut,
    /// What is to be written after it.
    tail: Bytes,
    /// The client sends no more.
    pub(super) ended: bool,
    /// What is still to come of the request's body.
    pub(super) framing: Framing,
    /// Line breaks may stand before the next request.
    pub(super) breaks_follow: bool,
    /// The client waits to be told that its body is wanted.
    pub(super) awaits_continue: bool,
    write_pause: Duration,
    write_end: Option<Pin<Box<Sleep>>>,
    /// When a client that sends no more is given up.
    patience: Option<Pin<Box<Sleep>>>,
    /// When a client that has sent too much is looked at again.
    look: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    pub(super) fn new(stream: Stream, write_pause: Duration) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            tail: Bytes::new(),
            ended: false,
            framing: Framing::DONE,
            breaks_follow: false,
            awaits_continue: false,
            write_pause,
            write_end: None,
            patience: None,
            look: None,
        }
    }

    /// Takes the bytes apart again: the stream, and what was read of it.
    pub(super) fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.input)
    }

    /// Passes over line breaks before a request where there may be some, as far as they have come.
    pub(super) fn skip_breaks(&mut self) {
        while self.breaks_follow && !self.input.is_empty() {
            if self.input.starts_with(b"\r") || self.input.starts_with(b"\n") {
                self.input.advance(1);
            } else {
                self.breaks_follow = false;
            }
        }
    }

    /// Lets go of buffers: thousands of idle connections are cheap.
    pub(super) fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        self.output = BytesMut::new();
    }

    /// Reads some bytes; 0 at the client's end.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        // No buffer is held by those that have nothing to read.
        ready!(self.stream.poll_readable(cx))?;
        let room = if self.framing.left() > u64::try_from(READ).unwrap_or_default() {
            READ_BODY
        } else {
            READ
        };
        self.input.reserve(room);
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx)?;
        if read == Poll::Ready(0) {
            self.ended = true;
        }
        read.map(Ok)
    }

    /// The next piece of the request's body.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match self.framing.next(&mut self.input) {
                Ok(Step::Data(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(Step::Done) => return Poll::Ready(None),
                Ok(Step::More) => {}
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if std::mem::take(&mut self.awaits_continue) {
                self.push(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            ready!(self.poll_flush(cx))?;
            if ready!(self.poll_fill(cx))? == 0 {
                self.framing = Framing::Broken;
                let cut = io::Error::new(io::ErrorKind::UnexpectedEof, "unexpected EOF");
                return Poll::Ready(Some(Err(cut)));
            }
        }
    }

    /// Ready when the client hangs up while its answer is made, whatever it sent before and nobody has read.
    ///
    /// A client that closed only its sending side may still want its answer: it has `patience` from then on.
    pub(super) fn poll_hung_up(
        &mut self,
        cx: &mut Context<'_>,
        patience: Duration,
    ) -> Poll<HungUp> {
        loop {
            if self.ended {
                return poll_after(&mut self.patience, patience, cx).map(|()| HungUp::Closed);
            }
            if self.input.len() < AHEAD {
                self.look = None;
                if let Err(error) = ready!(self.poll_fill(cx)) {
                    return Poll::Ready(error.into());
                }
                continue;
            }
            match self.stream.hung_up(cx) {
                // Behind more requests than are read ahead: they are answered, too.
                Some(HungUp::Closed) => {
                    return poll_after(&mut self.patience, patience, cx).map(|()| HungUp::Closed);
                }
                Some(broke) => return Poll::Ready(broke),
                None => {
                    ready!(poll_after(&mut self.look, LOOK_AGAIN, cx));
                    self.look = None;
                }
            }
        }
    }

    /// An answer is made from now on.
    pub(super) fn begin_answer(&mut self) {
        self.patience = None;
        self.look = None;
    }

    /// What is to be written, to be appended to.
    pub(super) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Appends bytes to what is to be written.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Appends a piece of an answer, by copying it or by keeping it; whether there is room for more before a flush.
    pub(super) fn push_piece(&mut self, piece: Bytes) -> bool {
        if piece.len() <= SMALL {
            self.push(&piece);
        } else {
            self.tail = piece;
        }
        self.tail.is_empty() && self.output.len() < SMALL
    }

    /// Writes all that is to be written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !(self.output.is_empty() && self.tail.is_empty()) {
            let stream = Pin::new(&mut self.stream);
            let written = if self.tail.is_empty() {
                stream.poll_write(cx, &self.output)?
            } else {
                let both = [IoSlice::new(&self.output), IoSlice::new(&self.tail)];
                stream.poll_write_vectored(cx, &both)?
            };
            let Poll::Ready(written) = written else {
                let pause = self.write_pause;
                let end = || Box::pin(tokio::time::sleep(pause));
                ready!(self.write_end.get_or_insert_with(end).as_mut().poll(cx));
                let late = "the client takes no bytes of its answer";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, late)));
            };
            self.write_end = None;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_output = written.min(self.output.len());
            self.output.advance(of_output);
            self.tail.advance(written - of_output);
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Tells the client that nothing more will come.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Ready so long after it was first asked.
fn poll_after(
    timer: &mut Option<Pin<Box<Sleep>>>,
    after: Duration,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let begin = || Box::pin(tokio::time::sleep(after));
    timer.get_or_insert_with(begin).as_mut().poll(cx)
}

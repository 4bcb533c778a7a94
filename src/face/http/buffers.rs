//! Connection buffers: the bytes of one connection, both ways, with a timeout for clients that do not read their answer.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::body_budget::BodyBudget;
use super::framing::{BodyPart, Framing};
use crate::face::server::{HungUp, Stream};

/// Bytes read at once: enough for nearly every head.
const READ: usize = 4 << 10;

/// Bytes read at once of a long body.
const READ_BODY: usize = 64 << 10;

/// The bytes that one connection may read before other tasks run. Hundreds of clients that send long bodies would otherwise
/// keep a worker for seconds: a body that is there at once is megabytes.
const READ_RUN: usize = 256 << 10;

/// Bytes read ahead while an answer is made, so that the end of the client's side shows behind them at once. Few: every
/// parked poll may hold as many. Behind more, the kernel shows it.
const AHEAD: usize = 4 << 10;

/// How often a client that has sent more than that is checked for having hung up.
const CHECK_AGAIN: Duration = Duration::from_secs(1);

/// Pieces of an answer up to this length, in bytes, are copied together; longer ones are sent from where they are.
const SMALL: usize = 16 << 10;

/// The fewest bytes of an answer that a client must take in each second, on average, after its first pause.
const SLOWEST: u64 = 10 << 10;

/// A connection's bytes.
#[derive(Debug)]
pub(super) struct ConnectionBuffers {
    stream: Stream,
    /// Bytes that were read and not taken yet.
    pub(super) input: BytesMut,
    /// Bytes to write.
    output: BytesMut,
    /// A long piece to write after `output`, which is not copied.
    tail: Bytes,
    /// The bytes read since other tasks ran, as far as this connection knows.
    read_run: usize,
    /// Whether the client has closed its sending side.
    pub(super) ended: bool,
    /// The part of the request's body that was not read yet.
    pub(super) framing: Framing,
    /// What the request's body takes of the budget of bodies; `None` where it takes part in none.
    pub(super) budget: Option<BodyBudget>,
    /// Whether line breaks may stand before the next request.
    pub(super) breaks_follow: bool,
    /// Whether the client waits for `100 Continue` before it sends its body.
    pub(super) awaits_continue: bool,
    write_pause: Duration,
    write_end: Option<Pin<Box<Sleep>>>,
    /// Since when bytes wait to be written, and how many of them were written.
    writing: Option<(Instant, usize)>,
    /// When a client that has closed its sending side is given up.
    patience: Option<Pin<Box<Sleep>>>,
    /// When a client that has sent too much is checked again.
    check: Option<Pin<Box<Sleep>>>,
}

impl ConnectionBuffers {
    pub(super) fn new(stream: Stream, write_pause: Duration) -> Self {
        Self {
            stream,
            input: BytesMut::new(),
            read_run: 0,
            output: BytesMut::new(),
            tail: Bytes::new(),
            ended: false,
            framing: Framing::DONE,
            budget: None,
            breaks_follow: false,
            awaits_continue: false,
            write_pause,
            write_end: None,
            writing: None,
            patience: None,
            check: None,
        }
    }

    /// The stream, and the bytes that were read from it.
    pub(super) fn into_parts(self) -> (Stream, BytesMut) {
        (self.stream, self.input)
    }

    /// Skips the line breaks received so far before a request, where some may stand.
    pub(super) fn skip_breaks(&mut self) {
        while self.breaks_follow && !self.input.is_empty() {
            if self.input.starts_with(b"\r") || self.input.starts_with(b"\n") {
                self.input.advance(1);
            } else {
                self.breaks_follow = false;
            }
        }
    }

    /// Frees the buffers, so that thousands of idle connections are cheap.
    pub(super) fn free_buffers(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        self.output = BytesMut::new();
    }

    /// Reads some bytes; 0 when the client has closed its sending side.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.read_run >= READ_RUN {
            self.read_run = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        // Connections without bytes to read hold no buffer.
        if self.stream.poll_readable(cx)?.is_pending() {
            self.read_run = 0;
            return Poll::Pending;
        }
        let capacity = if self.framing.left() > u64::try_from(READ).unwrap_or_default() {
            READ_BODY
        } else {
            READ
        };
        self.input.reserve(capacity);
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx)?;
        match read {
            Poll::Ready(0) => self.ended = true,
            Poll::Ready(bytes) => self.read_run = self.read_run.saturating_add(bytes),
            Poll::Pending => self.read_run = 0,
        }
        read.map(Ok)
    }

    /// The next piece of the request's body.
    pub(super) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match self.framing.next(&mut self.input) {
                Ok(BodyPart::Data(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(BodyPart::Done) => return Poll::Ready(None),
                Ok(BodyPart::More) => {}
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

    /// Ready when the client hangs up while its answer is made, whatever unread bytes it sent before.
    ///
    /// A client that closed only its sending side may still want its answer: it waits for `patience` from then on.
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
                self.check = None;
                if let Err(error) = ready!(self.poll_fill(cx)) {
                    return Poll::Ready(error.into());
                }
                continue;
            }
            match self.stream.hung_up(cx) {
                // The end shows behind more requests than are read ahead; those are answered, too.
                Some(HungUp::Closed) => {
                    return poll_after(&mut self.patience, patience, cx).map(|()| HungUp::Closed);
                }
                Some(broke) => return Poll::Ready(broke),
                None => {
                    ready!(poll_after(&mut self.check, CHECK_AGAIN, cx));
                    self.check = None;
                }
            }
        }
    }

    /// Resets the timers at the start of an answer.
    pub(super) fn begin_answer(&mut self) {
        self.patience = None;
        self.check = None;
    }

    /// The bytes to write, to append to.
    pub(super) fn output(&mut self) -> &mut BytesMut {
        &mut self.output
    }

    /// Appends bytes to write.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    /// Appends a piece of an answer, copied if it is short; returns whether more may be appended before a flush.
    pub(super) fn push_piece(&mut self, piece: Bytes) -> bool {
        if piece.len() <= SMALL {
            self.push(&piece);
        } else {
            self.tail = piece;
        }
        self.tail.is_empty() && self.output.len() < SMALL
    }

    /// Writes all bytes.
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
                ready!(self.poll_late(cx));
                return Poll::Ready(Err(late()));
            };
            self.write_end = None;
            if let Some((_, taken)) = &mut self.writing {
                *taken = taken.saturating_add(written);
            }
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_output = written.min(self.output.len());
            self.output.advance(of_output);
            self.tail.advance(written - of_output);
        }
        if let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) {
            self.write_end = None;
            self.writing = None;
            return Poll::Ready(flushed);
        }
        // TLS keeps bytes of its own, up to 64 KB, which the client has to take as well.
        ready!(self.poll_late(cx));
        Poll::Ready(Err(late()))
    }

    /// Ready when a client has taken no byte for too long, or all in all too few for the time: whoever takes a byte now and
    /// then would keep a long answer in memory for days.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (now, pause) = (Instant::now(), self.write_pause);
        let (since, taken) = *self.writing.get_or_insert((now, 0));
        let end = || {
            let earned = u64::try_from(taken).unwrap_or(u64::MAX) / SLOWEST;
            let latest = since + pause + Duration::from_secs(earned);
            Box::pin(tokio::time::sleep_until(latest.min(now + pause)))
        };
        self.write_end.get_or_insert_with(end).as_mut().poll(cx)
    }

    /// Closes the sending side.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The error of a client that does not take its answer.
fn late() -> io::Error {
    let late = "the client takes too few bytes of its answer";
    io::Error::new(io::ErrorKind::TimedOut, late)
}

/// Ready `after` the first call.
fn poll_after(
    timer: &mut Option<Pin<Box<Sleep>>>,
    after: Duration,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let begin = || Box::pin(tokio::time::sleep(after));
    timer.get_or_insert_with(begin).as_mut().poll(cx)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::face::server::{Arrival, Connection};

    const ANSWER: usize = 1 << 20;
    const PAUSE: Duration = Duration::from_secs(30);

    /// Sends an answer to a client that takes so many bytes each second.
    /// The buffers of a connection, and the client's end of it, with so many bytes under way at most.
    fn connected(under_way: usize) -> (DuplexStream, ConnectionBuffers) {
        let (client, served) = duplex(under_way);
        let nowhere = "127.0.0.1:1".parse().unwrap();
        let ends = Connection::plaintext(nowhere, nowhere);
        let stream = Arrival::relayed(served, |_stream| None, ends).stream;
        (client, ConnectionBuffers::new(stream, PAUSE))
    }

    #[tokio::test]
    async fn a_long_body_that_is_there_lets_other_tasks_run() {
        const BODY: usize = 4 << 20;
        let (mut client, mut buffers) = connected(BODY);
        client.write_all(&vec![b'x'; BODY]).await.unwrap();
        buffers.framing = Framing::Length(BODY.try_into().unwrap());
        let (mut read, mut run, mut longest) = (0, 0, 0);
        let mut runs = 0;
        poll_fn(|cx| {
            run = 0;
            while let Poll::Ready(piece) = buffers.poll_body(cx) {
                let Some(piece) = piece else {
                    return Poll::Ready(());
                };
                run += piece.unwrap().len();
            }
            read += run;
            longest = longest.max(run);
            runs += 1;
            Poll::Pending
        })
        .await;
        assert_eq!(read + run, BODY);
        assert!(runs >= BODY / (READ_RUN + READ_BODY), "{runs}");
        assert!(longest <= READ_RUN + READ_BODY, "{longest}");
    }

    async fn send(each_second: usize) -> io::Result<()> {
        let (mut client, mut buffers) = connected(1 << 10);
        buffers.push_piece(vec![b'x'; ANSWER].into());
        let reads = async {
            let mut taken = vec![0; each_second];
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                client.read_exact(&mut taken).await.unwrap();
            }
        };
        tokio::select! {
            sent = poll_fn(|cx| buffers.poll_flush(cx)) => sent,
            () = reads => unreachable!("it reads without end"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_few_bytes_now_and_then_is_disconnected() {
        let began = Instant::now();
        let late = send(1 << 10).await.unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < PAUSE * 2, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_its_answer_slowly_gets_it() {
        let began = Instant::now();
        send(16 << 10).await.unwrap();
        assert!(began.elapsed() > PAUSE * 2, "{:?}", began.elapsed());
    }
}

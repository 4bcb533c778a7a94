//! `Driver`: the task that owns a session's connection: it writes requests, hands out replies and events, and pings.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::reply::Reply;
use super::state::{Shared, State};
use crate::bench::client::Failure;
use crate::wire::zookeeper::{
    BadLength, ErrorCode, JuteReader, JuteRecord, Malformed, OpCode, ReplyHeader, RequestHeader,
    WatcherEvent, append_frame, take_frame, xid,
};

/// How many bytes one read takes, from the stack: a session that waits holds no input buffer.
const READ_BYTES: usize = 16 << 10;

/// The longest frame that is read, in bytes.
const MOST_BYTES: usize = 64 << 20;

/// The output buffer that is kept for later requests, in bytes.
const KEPT_BYTES: usize = 4 << 10;

/// The task of a session's connection.
#[derive(Debug)]
pub(super) struct Driver<S> {
    stream: S,
    shared: Arc<Shared>,
    /// Frames that are being written, and how much of them was.
    output: Vec<u8>,
    written: usize,
    is_flushed: bool,
    /// The beginning of a frame that has not arrived whole.
    partial: BytesMut,
    timer: Pin<Box<Sleep>>,
    /// When something was last sent and received.
    sent: Instant,
    heard: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(stream: S, shared: Arc<Shared>) -> Self {
        let now = Instant::now();
        Self {
            stream,
            output: Vec::new(),
            written: 0,
            is_flushed: true,
            partial: BytesMut::new(),
            timer: Box::pin(sleep(shared.opened.timeout / 3)),
            sent: now,
            heard: now,
            shared,
        }
    }

    /// Does whatever can be done now, until it waits for the connection, the timer or a request.
    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        {
            // Before the output is taken: a request that comes later wakes the driver again.
            let mut state = self.shared.lock();
            state.register_driver(cx.waker());
            if state.handles == 0 {
                return Poll::Ready(Failure::Connection("dropped".to_owned()));
            }
        }
        let parts = [
            self.poll_timer(cx),
            self.poll_output(cx),
            self.poll_input(cx),
        ];
        for part in parts {
            if let Poll::Ready(Err(failure)) = part {
                return Poll::Ready(failure);
            }
        }
        Poll::Pending
    }

    /// Pings after a third of the session timeout without a request, and gives up after two thirds without a reply.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let timeout = self.shared.opened.timeout;
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let deadline = self.heard + timeout * 2 / 3;
            if now >= deadline {
                return Poll::Ready(Err(Failure::Timeout));
            }
            if now >= self.sent + timeout / 3 {
                let header = RequestHeader {
                    xid: xid::PING,
                    op: OpCode::Ping.number(),
                };
                let mut state = self.shared.lock();
                append_frame(&mut state.output, |to| header.write(to)).map_err(|why| bad(&why))?;
                self.sent = now;
            }
            let next = deadline.min(self.sent + timeout / 3);
            self.timer.as_mut().reset(next);
        }
    }

    /// Writes all frames.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            if self.written == self.output.len() {
                self.written = 0;
                self.output.clear();
                if self.output.capacity() > KEPT_BYTES {
                    self.output = Vec::new();
                }
                std::mem::swap(&mut self.output, &mut self.shared.lock().output);
                if self.output.is_empty() {
                    break;
                }
            }
            let rest = self.output.get(self.written..).unwrap_or_default();
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(closed())),
                count => self.written = self.written.saturating_add(count),
            }
            self.is_flushed = false;
            self.sent = Instant::now();
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads and hands out all frames that have arrived.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            if self.partial.is_empty() {
                let mut space = [const { MaybeUninit::<u8>::uninit() }; READ_BYTES];
                let mut input = ReadBuf::uninit(&mut space);
                ready!(Pin::new(&mut self.stream).poll_read(cx, &mut input))?;
                if input.filled().is_empty() {
                    return Poll::Ready(Err(closed()));
                }
                let mut state = self.shared.lock();
                let rest = hand_out_all(&mut state, input.filled())?;
                self.partial.extend_from_slice(rest);
            } else {
                // Grows with the bytes that arrive, whatever length was announced.
                let room = self.partial.len().max(READ_BYTES);
                self.partial.reserve(room);
                let reading = pin!(self.stream.read_buf(&mut self.partial));
                if ready!(reading.poll(cx))? == 0 {
                    return Poll::Ready(Err(closed()));
                }
                let mut state = self.shared.lock();
                while let Some(frame) =
                    take_frame(&mut self.partial, MOST_BYTES).map_err(|why| bad(&why))?
                {
                    hand_out(&mut state, &frame, |record| frame.slice_ref(record))?;
                }
                if self.partial.is_empty() {
                    self.partial = BytesMut::new();
                }
            }
            self.heard = Instant::now();
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        this.advance(cx)
            .map(|failure| this.shared.lock().fail(failure))
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        // Where the runtime ends first, nobody waits for ever.
        let stopped = Failure::Connection("the runtime stopped".to_owned());
        self.shared.lock().fail(stopped);
    }
}

/// Hands out the frames in these bytes; returns the rest, which is the beginning of one.
fn hand_out_all<'a>(state: &mut State, mut bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
    while let Some((length, after)) = bytes.split_first_chunk::<4>() {
        let number = i32::from_be_bytes(*length);
        let length = usize::try_from(number).ok();
        let length = length
            .filter(|length| *length <= MOST_BYTES)
            .ok_or_else(|| bad(&BadLength(number)))?;
        let Some((frame, rest)) = after.split_at_checked(length) else {
            break;
        };
        hand_out(state, frame, Bytes::copy_from_slice)?;
        bytes = rest;
    }
    Ok(bytes)
}

/// Hands a reply to its request, or an event to its watchers. They are woken under the lock: waking only schedules them.
fn hand_out(
    state: &mut State,
    frame: &[u8],
    own: impl FnOnce(&[u8]) -> Bytes,
) -> Result<(), Failure> {
    let malformed = |why: Malformed| bad(&why);
    let mut from = JuteReader::new(frame);
    let header = ReplyHeader::read(&mut from).map_err(malformed)?;
    match header.xid {
        xid::PING => return Ok(()),
        xid::EVENT => {
            let event = WatcherEvent::read(&mut from).map_err(malformed)?;
            state.watchers.deliver(&event);
            return Ok(());
        }
        _ => {}
    }
    let answer = match ErrorCode::of(header.error) {
        None => Ok(own(from.rest())),
        Some(code @ (ErrorCode::SessionExpired | ErrorCode::SessionMoved)) => {
            return Err(Failure::Connection(code.to_string()));
        }
        Some(code) => Err(code),
    };
    if header.zxid > 0 {
        state.last_zxid = header.zxid;
    }
    let reply = Reply {
        zxid: header.zxid,
        answer,
    };
    let answered = state.requests.answer(header.xid, reply);
    answered.map_err(|_| bad(&"a reply to no request"))
}

fn closed() -> Failure {
    Failure::Connection("closed by the server".to_owned())
}

fn bad(why: &dyn std::fmt::Display) -> Failure {
    Failure::BadAnswer(why.to_string())
}

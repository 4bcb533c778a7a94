//! Transfer of bytes: what can be read or written next, whichever comes first.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::output::FrameOutput;
use crate::face::server::Stream;

/// How many bytes are read at a time.
const READ_BYTES: usize = 16 << 10;

/// Reads into the input, if that is wanted, and writes what is in the output; returns when it has done one of them. The end
/// of the client's stream is an error. Safe to drop and call again.
pub(super) async fn transfer(
    stream: &mut Stream,
    input: &mut BytesMut,
    output: &mut FrameOutput,
    reads: bool,
) -> io::Result<()> {
    poll_fn(|cx| poll_transfer(cx, stream, (input, output), reads)).await
}

/// Ready when it has read or written something.
pub(super) fn poll_transfer(
    cx: &mut Context<'_>,
    stream: &mut Stream,
    (input, output): (&mut BytesMut, &mut FrameOutput),
    reads: bool,
) -> Poll<io::Result<()>> {
    let mut done = false;
    while !output.is_empty() {
        match Pin::new(&mut *stream).poll_write(cx, output.rest()) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => {
                output.advance(written);
                done = true;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => break,
        }
    }
    if done && output.is_empty() {
        // A relayed connection encrypts into a buffer of its own; what stays there is sent with the next write.
        match Pin::new(&mut *stream).poll_flush(cx) {
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
    }
    if reads {
        let mut chunk = [std::mem::MaybeUninit::uninit(); READ_BYTES];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        match Pin::new(&mut *stream).poll_read(cx, &mut chunk) {
            Poll::Ready(Ok(())) if chunk.filled().is_empty() => {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            Poll::Ready(Ok(())) => {
                input.extend_from_slice(chunk.filled());
                done = true;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {}
        }
    }
    if done {
        Poll::Ready(Ok(()))
    } else {
        Poll::Pending
    }
}

//! A connection on its way to a server: accepted there, accepted before the server was, or relayed by another gateway.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use super::Connection;
use super::wire::HungUp;

/// A connection that nothing was read from, and its two ends.
#[derive(Debug)]
pub struct Arrival {
    pub(super) stream: Stream,
    pub(super) ends: Connection,
}

impl Arrival {
    /// A client's own connection.
    pub fn direct(stream: TcpStream, ends: Connection) -> Self {
        let stream = Stream::Direct(stream);
        Self { stream, ends }
    }

    /// A connection that another gateway relays; the ends are the client's.
    pub fn relayed(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        ends: Connection,
    ) -> Self {
        let stream = Stream::Relayed(Box::new(stream));
        Self { stream, ends }
    }
}

/// Bytes both ways.
pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// Where a connection's bytes come from.
pub(super) enum Stream {
    Direct(TcpStream),
    Relayed(Box<dyn Bytes>),
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Direct(_) => "Direct",
            Self::Relayed(_) => "Relayed",
        })
    }
}

impl Stream {
    /// Ready when there is something to read, where that can be told without a buffer to read it into.
    pub(super) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Direct(stream) => stream.poll_read_ready(cx),
            // It has buffers of its own already.
            Self::Relayed(_) => Poll::Ready(Ok(())),
        }
    }

    /// Whether the client is known to be gone, though what it sent before was not read. A relayed connection does not
    /// tell.
    pub(super) fn hung_up(&self, cx: &mut Context<'_>) -> Option<HungUp> {
        let Self::Direct(stream) = self else {
            return None;
        };
        match pin!(stream.ready(Interest::READABLE)).poll(cx) {
            Poll::Ready(Ok(ready)) if ready.is_read_closed() => Some(HungUp::Closed),
            Poll::Ready(Err(error)) => Some(error.into()),
            Poll::Ready(Ok(_)) | Poll::Pending => None,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Relayed(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Relayed(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Relayed(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Direct(stream) => stream.is_write_vectored(),
            Self::Relayed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_flush(cx),
            Self::Relayed(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Relayed(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

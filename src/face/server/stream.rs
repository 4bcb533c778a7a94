//! Byte stream of a connection, direct or relayed, which also shows that a client hung up behind unread bytes.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A stream of bytes both ways.
trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

/// The bytes of a connection, both ways: TCP, or the TLS stream of a relay.
pub struct Stream(Source);

enum Source {
    Direct(TcpStream),
    Relayed(Box<dyn Bytes>),
}

/// The client is gone, or does not wait for its answer.
#[derive(Debug, thiserror::Error)]
pub enum HungUp {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broke(#[from] io::Error),
    /// The client closed its sending side, and its answer was not ready soon after.
    #[error("the client has closed its side")]
    Closed,
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Source::Direct(_) => "Direct",
            Source::Relayed(_) => "Relayed",
        })
    }
}

impl Stream {
    pub(super) fn direct(stream: TcpStream) -> Self {
        Self(Source::Direct(stream))
    }

    pub(super) fn relayed(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Source::Relayed(Box::new(stream)))
    }

    /// Ready when there are bytes to read. A relayed connection is always ready, because TLS has read into buffers of its
    /// own.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Source::Direct(stream) => stream.poll_read_ready(cx),
            Source::Relayed(_) => Poll::Ready(Ok(())),
        }
    }

    /// Whether the client is gone, even though bytes that it sent before were not read. Always `None` for a relayed
    /// connection, which cannot show it.
    pub fn hung_up(&self, cx: &mut Context<'_>) -> Option<HungUp> {
        let Source::Direct(stream) = &self.0 else {
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
        match &mut self.get_mut().0 {
            Source::Direct(stream) => Pin::new(stream).poll_read(cx, buf),
            Source::Relayed(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Source::Direct(stream) => Pin::new(stream).poll_write(cx, buf),
            Source::Relayed(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Source::Direct(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Source::Relayed(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Source::Direct(stream) => stream.is_write_vectored(),
            Source::Relayed(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Source::Direct(stream) => Pin::new(stream).poll_flush(cx),
            Source::Relayed(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Source::Direct(stream) => Pin::new(stream).poll_shutdown(cx),
            Source::Relayed(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

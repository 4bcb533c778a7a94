//! Byte stream of a connection, direct or relayed, which also shows that a client hung up behind unread bytes.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::permits::Silent;
use crate::tls::FirstBytes;

/// A stream of bytes both ways.
trait Duplex: AsyncRead + AsyncWrite {}

impl<T: AsyncRead + AsyncWrite> Duplex for T {}

/// A relayed connection: its bytes, and the socket beneath them.
trait Relayed: Send {
    fn bytes(&mut self) -> Pin<&mut dyn Duplex>;
    fn socket(&self) -> Option<&TcpStream>;
}

struct RelayedStream<S> {
    stream: S,
    socket: fn(&S) -> Option<&TcpStream>,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Relayed for RelayedStream<S> {
    fn bytes(&mut self) -> Pin<&mut dyn Duplex> {
        let stream: Pin<&mut S> = Pin::new(&mut self.stream);
        stream
    }

    fn socket(&self) -> Option<&TcpStream> {
        (self.socket)(&self.stream)
    }
}

/// The bytes of a connection, both ways: TCP, or the TLS stream of a relay; or within one of those the TLS of the client.
pub struct Stream {
    transport: Transport,
    /// Dropped with the client's first byte.
    silent: Option<Silent>,
}

enum Transport {
    Direct(TcpStream),
    Relayed(Box<dyn Relayed>),
    Secured(Box<TlsStream<FirstBytes<Stream>>>),
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
        f.write_str(match &self.transport {
            Transport::Direct(_) => "Direct",
            Transport::Relayed(_) => "Relayed",
            Transport::Secured(_) => "Secured",
        })
    }
}

impl Stream {
    pub(super) fn direct(stream: TcpStream) -> Self {
        Self {
            transport: Transport::Direct(stream),
            silent: None,
        }
    }

    pub(super) fn relayed<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        stream: S,
        socket: fn(&S) -> Option<&TcpStream>,
    ) -> Self {
        Self {
            transport: Transport::Relayed(Box::new(RelayedStream { stream, socket })),
            silent: None,
        }
    }

    /// What the client sends within its own TLS.
    pub(super) fn secured(stream: TlsStream<FirstBytes<Self>>) -> Self {
        Self {
            transport: Transport::Secured(Box::new(stream)),
            silent: None,
        }
    }

    /// Holds this until the client has sent a byte.
    pub(super) fn until_heard(&mut self, silent: Silent) {
        self.silent = Some(silent);
    }

    /// Writes these bytes as far as the socket takes them at once, for a connection that is about to be closed. One that is
    /// relayed, or secured, is closed without them: they would have to be encrypted.
    pub(super) fn write_last(&self, bytes: &[u8]) {
        if let Transport::Direct(stream) = &self.transport {
            // The client may be gone, or read nothing.
            let _written = stream.try_write(bytes);
        }
    }

    /// Ready when there are bytes to read. A relayed connection is always ready, because TLS has read into buffers of its
    /// own; a secured one has decrypted some by then.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Direct(stream) => stream.poll_read_ready(cx),
            Transport::Relayed(_) => Poll::Ready(Ok(())),
            Transport::Secured(stream) => {
                let filled = Pin::new(stream).poll_fill_buf(cx);
                filled.map_ok(|_bytes| ())
            }
        }
    }

    /// Whether the client is gone, even though bytes that it sent before were not read. A relayed client is gone when the
    /// other gateway has closed the connection that carries it.
    pub fn hung_up(&self, cx: &mut Context<'_>) -> Option<HungUp> {
        let socket = match &self.transport {
            Transport::Direct(stream) => stream,
            Transport::Relayed(relayed) => relayed.socket()?,
            Transport::Secured(stream) => return stream.get_ref().0.get_ref().hung_up(cx),
        };
        match pin!(socket.ready(Interest::READABLE)).poll(cx) {
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
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = match &mut this.transport {
            Transport::Direct(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Relayed(relayed) => relayed.bytes().poll_read(cx, buf),
            Transport::Secured(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        if buf.filled().len() > before {
            drop(this.silent.take());
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Direct(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Relayed(relayed) => relayed.bytes().poll_write(cx, buf),
            Transport::Secured(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Direct(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Transport::Relayed(relayed) => relayed.bytes().poll_write_vectored(cx, bufs),
            Transport::Secured(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Direct(stream) => stream.is_write_vectored(),
            // The trait asks a shared reference, and TLS encrypts one piece after another anyway.
            Transport::Relayed(_) => false,
            Transport::Secured(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Direct(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Relayed(relayed) => relayed.bytes().poll_flush(cx),
            Transport::Secured(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Direct(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Relayed(relayed) => relayed.bytes().poll_shutdown(cx),
            Transport::Secured(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

//! First bytes of a connection, read to see whether it begins with TLS, and then read again.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// The header of a TLS record.
const HEADER: usize = 5;

/// The type of the record that begins a handshake.
const HANDSHAKE: u8 = 22;

/// A connection whose first bytes come out again.
#[derive(Debug)]
pub struct FirstBytes<IO> {
    io: IO,
    bytes: [u8; HEADER],
    /// How many of them were read again.
    taken: usize,
}

impl<IO: AsyncRead + Unpin> FirstBytes<IO> {
    /// Waits for the first bytes.
    pub(super) async fn read(mut io: IO) -> io::Result<Self> {
        let mut bytes = [0; HEADER];
        io.read_exact(&mut bytes).await?;
        Ok(Self {
            io,
            bytes,
            taken: 0,
        })
    }

    /// Whether they begin a TLS handshake.
    pub(super) fn are_tls(&self) -> bool {
        self.bytes.first() == Some(&HANDSHAKE)
    }

    /// Whether they begin a request of HTTP, by the rule of Go's server.
    pub(super) fn are_http(&self) -> bool {
        matches!(
            &self.bytes,
            b"GET /" | b"HEAD " | b"POST " | b"PUT /" | b"OPTIO"
        )
    }
}

impl<IO> FirstBytes<IO> {
    /// The connection beneath.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    pub(super) fn into_inner(self) -> IO {
        self.io
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for FirstBytes<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.bytes.get(this.taken..) {
            None | Some([]) => Pin::new(&mut this.io).poll_read(cx, buf),
            Some(left) => {
                let count = left.len().min(buf.remaining());
                buf.put_slice(left.get(..count).unwrap_or_default());
                this.taken += count;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for FirstBytes<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

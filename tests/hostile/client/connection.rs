//! Connection from a chosen address.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use tokio_rustls::client::TlsStream;

use super::answer::{Answer, Framing};
use super::certificates::Who;
use super::target::Target;

/// The bytes that are read at once.
const READ: usize = 64 << 10;

/// A connection, with what was read and not used yet.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    buffer: BytesMut,
}

/// The bytes of a connection.
#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Connects from an address of 127/8.
    pub(crate) async fn open(from: Ipv4Addr, to: &Target, who: Who) -> io::Result<Self> {
        Self::open_with(from, to, who, None).await
    }

    /// The same with a receive buffer of this many bytes: what the client does not read stays at the server.
    pub(crate) async fn open_with(
        from: Ipv4Addr,
        to: &Target,
        who: Who,
        receive: Option<u32>,
    ) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // Ports of connections that have just ended may be used again.
        socket.set_reuseaddr(true)?;
        if let Some(bytes) = receive {
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.bind((from, 0).into())?;
        let stream = socket.connect(to.address).await?;
        stream.set_nodelay(true)?;
        let stream = match &to.certificates {
            None => Stream::Plain(stream),
            Some(certificates) => Stream::Secured(Box::new(certificates.show(who, stream).await?)),
        };
        Ok(Self {
            stream,
            buffer: BytesMut::new(),
        })
    }

    /// Sends bytes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes).await,
            Stream::Secured(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Ends the client's side.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Secured(stream) => stream.shutdown().await,
        }
    }

    /// Ends the connection by a reset.
    pub(crate) fn reset(self) -> io::Result<()> {
        let socket = match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Secured(stream) => stream.get_ref().0,
        };
        socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))
    }

    /// Reads the next answer whole.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        loop {
            let (mut answer, framing, length) = loop {
                if let Some(found) = Answer::parse(&self.buffer)? {
                    break found;
                }
                self.read().await?;
            };
            self.buffer.advance(length);
            if answer.status < 200 {
                continue;
            }
            match framing {
                Framing::Length(length) => self.take(length, &mut answer).await?,
                Framing::Chunked => self.take_chunks(&mut answer).await?,
                Framing::UntilClose => {
                    answer.closes = true;
                    while self.read().await.is_ok() {
                        answer.take(&self.buffer);
                        self.buffer.clear();
                    }
                }
            }
            return Ok(answer);
        }
    }

    /// Reads some bytes and forgets them; an error at the end of the connection.
    pub(crate) async fn read_and_forget(&mut self) -> io::Result<usize> {
        self.read().await?;
        let read = self.buffer.len();
        self.buffer.clear();
        Ok(read)
    }

    /// Reads at most this many bytes and forgets them; an error at the end of the connection.
    pub(crate) async fn sip(&mut self, bytes: usize) -> io::Result<()> {
        let mut part = vec![0; bytes];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut part).await?,
            Stream::Secured(stream) => stream.read(&mut part).await?,
        };
        match read {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn read(&mut self) -> io::Result<()> {
        self.buffer.reserve(READ);
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await?,
            Stream::Secured(stream) => stream.read_buf(&mut self.buffer).await?,
        };
        match read {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    async fn take(&mut self, mut length: usize, answer: &mut Answer) -> io::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() {
                self.read().await?;
            }
            let part = self.buffer.len().min(length);
            answer.take(&self.buffer[..part]);
            self.buffer.advance(part);
            length -= part;
        }
        Ok(())
    }

    async fn take_chunks(&mut self, answer: &mut Answer) -> io::Result<()> {
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                // Trailers, and the empty line.
                while !self.line().await?.is_empty() {}
                return Ok(());
            }
            self.take(size, answer).await?;
            self.line().await?;
        }
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.advance(at + 2);
                return Ok(line);
            }
            self.read().await?;
        }
    }
}

//! Arriving connection: accepted here, accepted while this gateway was a standby, or relayed by another gateway.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::connection::Connection;
use super::stream::Stream;

/// A connection from which nothing was read, with its addresses.
#[derive(Debug)]
pub struct Arrival {
    /// The bytes.
    pub stream: Stream,
    /// The addresses: of a relayed connection, the client's.
    pub ends: Connection,
}

impl Arrival {
    /// A client's own connection.
    pub fn direct(stream: TcpStream, ends: Connection) -> Self {
        let stream = Stream::direct(stream);
        Self { stream, ends }
    }

    /// A connection that another gateway relays, with the addresses of the PROXY header. `socket` finds the TCP connection
    /// beneath the stream: its end shows that the client is gone although unread bytes precede it.
    pub fn relayed<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
        stream: S,
        socket: fn(&S) -> Option<&TcpStream>,
        ends: Connection,
    ) -> Self {
        let stream = Stream::relayed(stream, socket);
        Self { stream, ends }
    }
}

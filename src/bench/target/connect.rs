//! Connecting to a server of the target.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::{LoadTarget, TargetServer};
use crate::bench::TargetStream;

/// How long a connection and its TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl LoadTarget {
    /// Opens the connection of a number to a server: the number chooses its source address, and its certificate.
    pub async fn connect(&self, server: &TargetServer, number: u64) -> io::Result<TargetStream> {
        let connecting = async {
            let stream = self.open(server.address, number).await?;
            stream.set_nodelay(true)?;
            Ok(match self.tls(number) {
                Some(tls) => TargetStream::Tls(Box::new(tls.encrypt(&server.name, stream).await?)),
                None => TargetStream::Plain(stream),
            })
        };
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
        }
    }

    async fn open(&self, to: SocketAddr, number: u64) -> io::Result<TcpStream> {
        let Some(range) = self.bind else {
            return TcpStream::connect(to).await;
        };
        let socket = if to.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.bind(SocketAddr::new(range.address(number), 0))?;
        socket.connect(to).await
    }
}

//! Socket options of accepted connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// After how long without traffic, and how often from then on, TCP probes whether the other end is alive; 15 s as in Go.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Sets the options of a new connection; returns the local address that the client connected to.
pub fn configure_socket(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    stream.local_addr()
}

//! Addresses of a connection: the client's, and the one it reached.

use std::net::SocketAddr;

/// The two ends of a connection; every HTTP request carries those of its connection as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client's address; of a relayed connection, that of the client and not of the other gateway.
    pub peer: SocketAddr,
    /// The address the client connected to.
    pub local: SocketAddr,
}

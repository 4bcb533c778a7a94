//! The name and the addresses of a gateway, as the admin port shows them.

use std::net::SocketAddr;

/// The facts that stay the same while the process lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayInfo {
    /// The gateway's name, for people.
    pub name: String,
    /// The faces, and the address where each listens; `None` is off.
    pub faces: Vec<(&'static str, Option<SocketAddr>)>,
}

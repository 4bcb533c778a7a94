//! Identity of a gateway: its name, and where its faces listen.

use std::net::SocketAddr;

/// The name and addresses of a gateway, which do not change while the process lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What people call this gateway.
    pub name: String,
    /// The names of the faces, and where each listens; `None` is off.
    pub faces: Vec<(&'static str, Option<SocketAddr>)>,
}

//! The name and the addresses of a gateway, as the admin port shows them.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::guard::DockerGuard;

/// The facts that stay the same while the process lives.
#[derive(Clone, Debug, Default)]
pub struct GatewayInfo {
    /// The gateway's name, for people.
    pub name: String,
    /// The faces, and the address where each listens; `None` is off.
    pub faces: Vec<(&'static str, Option<SocketAddr>)>,
    /// The Docker guard, if there is one.
    pub guard: Option<Arc<DockerGuard>>,
}

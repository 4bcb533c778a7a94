//! The answer to a client that has waited for a leader for as long as its protocol lets it.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::face::http::{Arrival, Server, Stopping};
use crate::face::{consul, etcd};
use crate::model::FaceName;

/// What tells clients of each face that nobody leads.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct NoLeader {
    pub(in crate::gateway) consul: Server,
    pub(in crate::gateway) etcd: Server,
    /// As the face has it.
    pub(in crate::gateway) etcd_advertise: Vec<String>,
}

/// How long a real server holds a request while nobody leads: longer, and the client's own time runs out in silence.
fn hold(face: FaceName) -> Duration {
    match face {
        FaceName::Consul => consul::HOLD,
        FaceName::Etcd2 => etcd::HOLD,
    }
}

/// Returns when a client has waited for a leader for long enough, from its first byte on; an error where it has gone.
/// Reads nothing: a leader that appears meanwhile gets the connection as it is. A client that is silent has asked
/// nothing and waits for nothing.
pub(super) async fn waited(stream: &TcpStream, face: FaceName) -> io::Result<()> {
    if stream.peek(&mut [0]).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    tokio::time::sleep(hold(face)).await;
    Ok(())
}

impl NoLeader {
    /// Answers one request, and closes the connection.
    pub(super) async fn answer(&self, arrival: Arrival, face: FaceName) {
        let (server, router) = match face {
            FaceName::Consul => (&self.consul, consul::no_leader()),
            FaceName::Etcd2 => (&self.etcd, etcd::no_leader(self.etcd_advertise.clone())),
        };
        // Never turned on: where this is to stop, it is dropped.
        let (_stop, stopping) = watch::channel(false);
        server
            .serve_one(arrival, router, Stopping::new(stopping))
            .await;
    }
}

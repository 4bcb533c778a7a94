//! The answer to a client that has waited for a leader for as long as its protocol lets it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::face::server::{Arrival, Protocol, Server, Stopping};
use crate::gateway::faces;
use crate::model::FaceName;

/// The answers of each face without a leader, and the servers that count them.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct NoLeader(pub(in crate::gateway) Faces);

type Faces = HashMap<FaceName, (Server, Arc<dyn Protocol>)>;

/// Returns when a client has waited for a leader for long enough, from its first byte on; an error where it has gone.
/// Reads nothing: a leader that appears meanwhile gets the connection as it is. A client that is silent has asked
/// nothing and waits for nothing.
pub(super) async fn waited(stream: &TcpStream, face: FaceName) -> io::Result<()> {
    if stream.peek(&mut [0]).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    tokio::time::sleep(faces::row(face).hold).await;
    Ok(())
}

impl NoLeader {
    /// Answers one request, and closes the connection.
    pub(super) async fn answer(&self, arrival: Arrival, face: FaceName) {
        let Some((server, protocol)) = self.0.get(&face) else {
            return;
        };
        // Never turned on: where this is to stop, it is dropped.
        let (_stop, stopping) = watch::channel(false);
        server
            .serve_one(arrival, Arc::clone(protocol), Stopping::new(stopping))
            .await;
    }
}

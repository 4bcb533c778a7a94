//! Hold of a request while there is no leader: as long as its protocol's real server holds one, then the face's own answer.

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
pub(in crate::gateway) struct NoLeaderAnswers(pub(in crate::gateway) AnswersByFace);

type AnswersByFace = HashMap<FaceName, (Server, Arc<dyn Protocol>)>;

/// Holds a client's request for as long as a real server would, from its first byte on; an error means that the client is
/// gone. Reads nothing: a leader that appears meanwhile gets the connection as it is. A silent client has asked nothing, and
/// is held without end. The first byte of a client that speaks TLS begins its handshake, which is held as a request is.
pub(super) async fn hold(stream: &TcpStream, face: FaceName) -> io::Result<()> {
    if stream.peek(&mut [0]).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    tokio::time::sleep(faces::row(face).hold).await;
    Ok(())
}

impl NoLeaderAnswers {
    /// What a client gets whose address has too many connections open over this face.
    pub(super) fn too_many_connections(&self, face: FaceName) -> Option<&'static [u8]> {
        let (server, protocol) = self.0.get(&face)?;
        // Within TLS these would be no words.
        (!server.is_secured()).then(|| protocol.too_many_connections())?
    }

    /// Answers one request, and closes the connection.
    pub(super) async fn answer(&self, arrival: Arrival, face: FaceName) {
        let Some((server, protocol)) = self.0.get(&face) else {
            return;
        };
        // Never turned on: to stop, the caller drops this future.
        let (_stop, stopping) = watch::channel(false);
        server
            .serve_one(arrival, Arc::clone(protocol), Stopping::new(stopping))
            .await;
    }
}

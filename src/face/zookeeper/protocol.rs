//! `ZooKeeperProtocol`: the face as a server serves it.

use std::sync::Arc;

use super::connection;
use super::face::{Face, ZooKeeper};
use super::sweeper::sweep;
use crate::face::server::{Arrival, Protocol, ServerContext, Serving, Stopping};

/// The protocol of clients of ZooKeeper.
#[derive(Debug)]
pub struct ZooKeeperProtocol {
    face: Arc<Face>,
}

impl ZooKeeperProtocol {
    /// Serves clients with these, and removes what ends by itself until the gateway is stopping. Within a runtime.
    pub fn new(options: ZooKeeper, stopping: Stopping) -> Self {
        let face = Arc::new(Face::new(options));
        tokio::spawn(sweep(Arc::downgrade(&face), stopping));
        Self { face }
    }
}

impl Protocol for ZooKeeperProtocol {
    fn serve(
        self: Arc<Self>,
        arrival: Arrival,
        server: Arc<ServerContext>,
        stopping: Stopping,
    ) -> Serving {
        let face = Arc::clone(&self.face);
        Box::pin(async move {
            let peer = arrival.ends.peer;
            if let Err(error) = connection::serve(face, arrival, server, stopping).await {
                tracing::debug!(%peer, %error, "connection broken");
            }
        })
    }
}

//! HTTP protocol: serves a router on each connection.

use std::sync::Arc;

use axum::Router;

use super::connection;
use super::hosts::AllowedHosts;
use super::limits::HttpLimits;
use super::shared_state::{OverloadAnswer, SharedState};
use crate::face::server::{Arrival, Protocol, ServerContext, Serving, Stopping};
use crate::fairness::Fairness;

/// What Go's server says to a client that does not use TLS where it has to.
const PLAINTEXT: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// A router, served over HTTP/1.
#[derive(Clone, Debug)]
pub struct HttpProtocol {
    router: Router,
    shared: Arc<SharedState>,
}

impl HttpProtocol {
    /// Serves this router within these limits.
    pub fn new(router: Router, limits: HttpLimits) -> Self {
        Self {
            router,
            shared: Arc::new(SharedState::new(limits)),
        }
    }

    /// The same, which clients may also address by these names.
    #[must_use]
    pub fn allowing_hosts(mut self, hosts: &AllowedHosts) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.hosts = hosts.clone();
        }
        self
    }

    /// The same, which sends these bytes to a client whose address has too many connections open.
    #[must_use]
    pub fn answering_too_many_connections(mut self, answer: &'static [u8]) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.too_many_connections = Some(answer);
        }
        self
    }

    /// The same, whose requests' bodies are reserved from the budget of bodies; `answer` says that too little of it is left.
    #[must_use]
    pub fn bounding_bodies(mut self, fairness: &Fairness, answer: OverloadAnswer) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.bodies = Some((fairness.clone(), answer));
        }
        self
    }

    /// The same, which answers each gRPC call with this sentence; without one, HTTP/2 is refused altogether.
    #[must_use]
    pub fn refusing_grpc(mut self, sentence: &'static str) -> Self {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            shared.grpc_refusal = Some(sentence);
        }
        self
    }
}

impl Protocol for HttpProtocol {
    fn serve(
        self: Arc<Self>,
        arrival: Arrival,
        server: Arc<ServerContext>,
        stopping: Stopping,
    ) -> Serving {
        let (router, shared) = (self.router.clone(), Arc::clone(&self.shared));
        Box::pin(connection::serve(shared, server, arrival, router, stopping))
    }

    fn too_many_connections(&self) -> Option<&'static [u8]> {
        self.shared.too_many_connections
    }

    fn plaintext_to_tls(&self) -> Option<&'static [u8]> {
        Some(PLAINTEXT)
    }
}

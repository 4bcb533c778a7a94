//! HTTP protocol: serves a router on each connection.

use std::sync::Arc;

use axum::Router;

use super::connection;
use super::limits::Limits;
use super::settings::Settings;
use crate::face::server::{Arrival, Protocol, ServerContext, Serving, Stopping};

/// A router, served over HTTP/1.
#[derive(Clone, Debug)]
pub struct HttpProtocol {
    router: Router,
    settings: Arc<Settings>,
}

impl HttpProtocol {
    /// Serves this router within these limits.
    pub fn new(router: Router, limits: Limits) -> Self {
        Self {
            router,
            settings: Arc::new(Settings::new(limits)),
        }
    }

    /// The same, which answers each gRPC call with this sentence; without one, HTTP/2 is refused altogether.
    #[must_use]
    pub fn refusing_grpc(mut self, sentence: &'static str) -> Self {
        if let Some(settings) = Arc::get_mut(&mut self.settings) {
            settings.grpc_refusal = Some(sentence);
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
        let (router, settings) = (self.router.clone(), Arc::clone(&self.settings));
        Box::pin(connection::serve(
            settings, server, arrival, router, stopping,
        ))
    }
}

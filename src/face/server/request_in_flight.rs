//! Request metric: a request is counted in flight until its answer was sent, and by its status when it ends.

use std::sync::Arc;

use super::context::ServerContext;
use super::metrics::{RequestLabels, RequestStatus};

/// A request in flight; counts the request when dropped, however it ends.
#[derive(Debug)]
pub struct RequestInFlight {
    server: Arc<ServerContext>,
    method: &'static str,
    status: RequestStatus,
}

impl RequestInFlight {
    /// Begins a request. `method` is the operation as a label: one of a fixed set, so that clients cannot make series.
    pub fn begin(server: &Arc<ServerContext>, method: &'static str) -> Self {
        server.in_flight.inc();
        Self {
            server: Arc::clone(server),
            method,
            status: RequestStatus::Gone,
        }
    }

    /// The operation, as a label.
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// Notes the status of the answer: an HTTP status, or the protocol's error code. Without one, the request counts as
    /// `gone`: the client closed the connection before its answer.
    pub fn set_status(&mut self, status: impl Into<i32>) {
        self.status = RequestStatus::Code(status.into());
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        let Self {
            server,
            method,
            status,
        } = self;
        let labels = RequestLabels {
            face: server.face,
            method,
            status: *status,
        };
        server.metrics.requests.get_or_create(&labels).inc();
        server.in_flight.dec();
    }
}

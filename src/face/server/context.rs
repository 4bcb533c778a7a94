//! Server context: the name, metrics and leadership check that all connections of a server share.

use prometheus_client::metrics::gauge::Gauge;

use super::leadership::{LeadershipCheck, LeadershipLost};
use super::metrics::ServerMetrics;

/// What the connections of a server share.
#[derive(Debug)]
pub struct ServerContext {
    /// The face's name in metrics and logs.
    pub face: &'static str,
    pub(super) metrics: ServerMetrics,
    /// The server's own of the metrics: each request counts in it, so it is not looked up.
    pub(super) in_flight: Gauge,
    pub(super) leadership: LeadershipCheck,
}

impl ServerContext {
    /// Checks, after a request was handled and before its answer is sent, that no other gateway can lead.
    ///
    /// On an error the connection ends without the answer: another gateway may have answered something newer by then.
    pub async fn check_leadership(&self) -> Result<(), LeadershipLost> {
        if self.leadership.holds().await {
            Ok(())
        } else {
            Err(LeadershipLost)
        }
    }
}

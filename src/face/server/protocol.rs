//! Protocol trait: the part of a face that serves one connection.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::arrival::Arrival;
use super::context::ServerContext;
use super::stopping::Stopping;

/// A connection while it is served.
pub type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A protocol that clients speak on a connection.
///
/// The server drops the future when the drain runs out of time, or when leadership is lost; the connection closes then.
/// A protocol itself ends idle connections when `stopping` turns on, counts requests with
/// [`RequestInFlight`](super::RequestInFlight), and calls [`ServerContext::check_leadership`] before it sends an answer.
pub trait Protocol: fmt::Debug + Send + Sync + 'static {
    /// Serves a connection until the client ends it, or the gateway is stopping and nothing is in flight.
    fn serve(
        self: Arc<Self>,
        arrival: Arrival,
        server: Arc<ServerContext>,
        stopping: Stopping,
    ) -> Serving;

    /// The bytes that a client gets before its connection is closed because its address has too many open; `None` closes it
    /// without a word.
    fn too_many_connections(&self) -> Option<&'static [u8]> {
        None
    }

    /// The bytes that a client gets which sends a request of HTTP where TLS is spoken; `None` closes its connection without a
    /// word.
    fn plaintext_to_tls(&self) -> Option<&'static [u8]> {
        None
    }
}

//! Server of any face: accepts connections, limits, counts and drains them, and checks leadership. Knows no protocol.
//!
//! A face implements [`Protocol`], which serves one connection; HTTP does so in `face/http`, a protocol of frames over TCP
//! in its own folder. [`Server`] does what every protocol needs: the accept loop with its backoff, connections relayed by
//! other gateways ([`Arrival`]), connection permits, the drain, and the metrics `kubekv_face_*`.

mod accept_loop;
mod arrival;
mod backoff;
mod connection;
mod context;
#[cfg(test)]
pub(crate) mod future_bytes;
mod identities;
mod leadership;
mod log_limit;
mod metrics;
mod permits;
mod protocol;
mod request_in_flight;
mod secured;
mod shown_logins;
mod socket;
mod stopping;
mod stream;

pub use accept_loop::Server;
pub use arrival::Arrival;
pub use connection::{Connection, Security};
pub use context::ServerContext;
pub use identities::ClientIdentities;
pub use leadership::{LeadershipCheck, LeadershipLost};
pub use log_limit::{LogLimit, OmittedLines};
pub use metrics::ServerMetrics;
pub use permits::{ConnectionPermit, ConnectionPermits, TooMany};
pub use protocol::{Protocol, Serving};
pub use request_in_flight::RequestInFlight;
pub use shown_logins::ShownLogins;
pub use socket::configure_socket;
pub use stopping::Stopping;
pub use stream::{HungUp, Stream};

//! TLS of the faces: certificates, keys and authorities from files that may change, and handshakes within bounds.
//!
//! [`ServerTls`] is the TLS of one face. It knows no protocol beneath or above: a connection of any kind goes in, with the
//! address of its client, and comes out with what the client proved ([`Proof`]).

mod authorities;
mod client_file;
mod error;
mod failure;
mod fields;
mod files;
mod first_bytes;
mod handshakes;
mod key_pair;
mod metrics;
mod proof;
mod reload;
mod revocation;
mod server_tls;
mod state;
mod tickets;
mod turns;
mod verifier;

pub use error::TlsError;
pub use failure::{CertificateRefusal, HandshakeFailure};
pub use files::{CertificateFiles, ClientFiles};
pub use first_bytes::FirstBytes;
pub use handshakes::{Handshake, HandshakeLimits, Handshakes};
pub use metrics::TlsMetrics;
pub use proof::Proof;
pub use server_tls::{HandshakeBounds, Secured, ServerTls};

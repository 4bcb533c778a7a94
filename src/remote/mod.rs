//! Access to remote servers, for clients of all protocols: TLS, and secrets from files.

mod http_tls;
mod secret;
mod tls;

pub use http_tls::http_tls;
pub use secret::{first_line, read_file, read_password};
pub use tls::ClientTls;

/// A credential or certificate file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AccessError(pub String);

//! `Credentials`: what a client has proved, and nothing about who that makes it.

use std::sync::Arc;

use super::client_certificate::ClientCertificate;

/// What a client has proved. Who it is by that, the guard finds out anew whenever its policy changes, so nothing of the kind is
/// kept with a connection. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The certificate of its TLS connection, where it showed one.
    pub certificate: Option<Arc<ClientCertificate>>,
}

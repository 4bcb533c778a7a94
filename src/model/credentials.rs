//! `Credentials`: what a client proved about itself, on its connection and with its request.

use std::sync::Arc;

use super::client_certificate::ClientCertificate;
use super::connection_flow::ConnectionFlow;
use super::held_token::HeldToken;
use super::shown_secrets::ShownSecrets;

/// What a client proved. Cheap to clone. The default has proved nothing.
///
/// Who that is, and what it may do, the guard says: it is asked anew whenever its rules change, so nothing of that is kept here
/// but in whose share the requests count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The certificate of its TLS connection, which was valid in the handshake.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// What its request showed besides, which was good then.
    pub secrets: ShownSecrets,
    /// Its token as it came, where the guard asks somebody else about it again while the request waits.
    pub held_token: Option<HeldToken>,
    /// In whose share its requests count, as the guard says of its connection.
    pub flow: ConnectionFlow,
}

//! Ends of a connection: the client's address, the one it reached, and how the bytes between them are secured.

use std::net::SocketAddr;
use std::sync::Arc;

use super::shown_logins::ShownLogins;
use crate::model::{ClientCertificate, ConnectionFlow, Flow};

/// The two ends of a connection; every HTTP request carries those of its connection as an extension. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client's address; of a relayed connection, that of the client and not of the other gateway.
    pub peer: SocketAddr,
    /// The address the client connected to.
    pub local: SocketAddr,
    /// Whether TLS protects it, and what the client proved by that.
    pub security: Security,
    /// In whose share its requests count, where that is not its client's address.
    pub flow: ConnectionFlow,
    /// The secrets that its requests have shown.
    pub logins: ShownLogins,
}

/// How a connection is secured between the client and the gateway that serves it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    #[default]
    Plaintext,
    /// By TLS.
    Tls {
        /// The client's certificate, where it showed one.
        client: Option<Arc<ClientCertificate>>,
    },
}

impl Connection {
    /// A connection on which nothing is secured, or not yet.
    pub fn plaintext(peer: SocketAddr, local: SocketAddr) -> Self {
        Self {
            peer,
            local,
            security: Security::Plaintext,
            flow: ConnectionFlow::default(),
            logins: ShownLogins::default(),
        }
    }

    /// Whose work it brings, as it is now.
    pub fn current_flow(&self) -> Flow {
        Flow::of_connection(&self.flow, self.peer.ip())
    }

    /// The certificate by which the client proved who it is.
    pub fn client_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        match &self.security {
            Security::Plaintext => None,
            Security::Tls { client } => client.as_ref(),
        }
    }
}

impl Security {
    /// The scheme of a URL that reaches HTTP this way.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Plaintext => "http",
            Self::Tls { .. } => "https",
        }
    }
}

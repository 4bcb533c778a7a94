//! Layers of security that a deployment is started with.

use serde::{Deserialize, Serialize};

/// How a server knows its clients, and what it does for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityLayer {
    /// Not at all: whoever reaches it may do everything.
    #[default]
    Plaintext,
    /// TLS of the server.
    Tls,
    /// TLS, and each client shows a certificate.
    Certificates,
    /// TLS and certificates, and a policy says what each may do.
    Policy,
    /// The same, and an audit log.
    Audit,
    /// TLS, and a policy that knows clients by Consul's tokens.
    Token,
    /// The Docker guard alone.
    Guard,
    /// What a real server has: TLS with certificates of clients, and access lists of Consul or users of etcd.
    AccessLists,
}

impl SecurityLayer {
    /// Whether there is none.
    pub fn is_plaintext(&self) -> bool {
        *self == Self::Plaintext
    }

    /// The part of a deployment's key.
    pub fn key(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "tls",
            Self::Certificates => "certificates",
            Self::Policy => "policy",
            Self::Audit => "audit",
            Self::Token => "token",
            Self::Guard => "guard",
            Self::AccessLists => "access-lists",
        }
    }

    /// The name for readers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "TLS",
            Self::Certificates => "TLS and clients' certificates",
            Self::Policy => "TLS, certificates and a policy",
            Self::Audit => "TLS, certificates, a policy and an audit log",
            Self::Token => "TLS, tokens and a policy",
            Self::Guard => "the Docker guard",
            Self::AccessLists => "TLS, certificates and its access lists",
        }
    }
}

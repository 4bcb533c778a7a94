//! `IdentityLookup`: who a client is, as the audit log tells of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::line;
use crate::model::{ClientCertificate, Principal};

/// Recognizes clients by what they prove.
pub trait IdentityLookup: fmt::Debug + Send + Sync {
    /// Who shows this certificate, from this address.
    fn recognize(
        &self,
        certificate: Option<&Arc<ClientCertificate>>,
        peer: IpAddr,
    ) -> AuditIdentity;
}

/// A client, as it was recognized.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditIdentity {
    /// The identity.
    pub principal: Principal,
    /// What proved it, in words for the log; never a secret.
    pub proof: String,
    /// What the proof gave besides, by name: what policies fill in.
    pub variables: Vec<(String, String)>,
}

/// Recognizes nobody: every client is anonymous, whatever it shows.
#[derive(Clone, Copy, Debug)]
pub struct NoIdentityLookup;

impl IdentityLookup for NoIdentityLookup {
    fn recognize(
        &self,
        certificate: Option<&Arc<ClientCertificate>>,
        _peer: IpAddr,
    ) -> AuditIdentity {
        AuditIdentity {
            principal: Principal::Anonymous,
            proof: certificate.map_or_else(
                || Principal::Anonymous.to_string(),
                |certificate| certificate_proof(certificate),
            ),
            variables: Vec::new(),
        }
    }
}

/// A certificate as a proof.
fn certificate_proof(certificate: &ClientCertificate) -> String {
    let names: Vec<String> = certificate
        .common_names
        .iter()
        .map(|name| format!("CN={name}"))
        .chain(certificate.uris.iter().cloned())
        .collect();
    let fingerprint = &certificate.fingerprint;
    if names.is_empty() {
        format!("certificate sha256:{fingerprint}")
    } else {
        format!("certificate sha256:{fingerprint} of {}", names.join(", "))
    }
}

impl AuditIdentity {
    /// The parts of a line that name it.
    pub(super) fn parts(&self) -> String {
        let mut parts = line::part("identity", &self.principal.to_string());
        parts.push_str(&line::part("proof", &self.proof));
        if !self.variables.is_empty() {
            let pairs = self.variables.iter();
            let all: serde_json::Map<_, _> = pairs
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            parts.push_str(r#","variables":"#);
            parts.push_str(&serde_json::Value::Object(all).to_string());
        }
        parts
    }
}

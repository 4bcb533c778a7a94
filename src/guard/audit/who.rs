//! `AuditedClient`: a client, as lines of the audit log record it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::line::{self, AuditLine, PartName};
use crate::guard::known_clients::KnownClients;
use crate::guard::policy::{Identity, Variables, VouchedFor};
use crate::model::{ClientCertificate, Credentials, Principal};

/// A client, as lines of the audit log record it. What they say of its identity is made once.
#[derive(Debug)]
pub struct AuditedClient {
    identity: Identity,
    /// Parts of a line.
    parts: String,
}

impl AuditedClient {
    /// The bearer of an identity.
    pub fn new(identity: Identity) -> Self {
        let parts = parts(&identity);
        Self { identity, parts }
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Adds it to a line: who it is, where it came from, and the face it came by.
    pub(super) fn record<'a>(
        &self,
        line: AuditLine<'a>,
        (peer, face): (SocketAddr, &'static str),
    ) -> AuditLine<'a> {
        line.parts(&self.parts)
            .address(PartName::ADDRESS, peer)
            .word(PartName::FACE, face)
    }
}

/// How the gateway itself is called where it acts by itself. No client can prove to be it: names of identities have no brackets.
pub(super) const GATEWAY: &str = "(gateway)";

/// Whom a line is about.
#[derive(Debug)]
pub(super) enum AuditedCaller {
    /// A client, where it came from, and the face it came by.
    Client(Arc<AuditedClient>, SocketAddr, &'static str),
    /// The gateway itself, or who holds its store.
    Gateway,
}

impl AuditedCaller {
    /// About how many bytes of a line it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Client(client, ..) => client.parts.len(),
            Self::Gateway => GATEWAY.len(),
        }
    }

    /// Why it is nobody, where that is so.
    pub(super) fn refused(&self) -> Option<&str> {
        match self {
            Self::Client(client, ..) => client.identity.refused.as_deref(),
            Self::Gateway => None,
        }
    }

    /// Adds it to a line.
    pub(super) fn record<'a>(&self, line: AuditLine<'a>) -> AuditLine<'a> {
        match self {
            Self::Client(client, peer, face) => client.record(line, (*peer, face)),
            Self::Gateway => line.word(PartName::IDENTITY, GATEWAY),
        }
    }
}

/// Says who clients are by what they prove.
pub trait IdentityLookup: fmt::Debug + Send + Sync {
    /// Who has these credentials, and comes from this address.
    fn identify(&self, credentials: &Credentials, peer: IpAddr) -> Arc<AuditedClient>;
}

/// The lookup without a policy: every client is anonymous, whatever it shows.
#[derive(Debug, Default)]
pub struct NoPolicyLookup(KnownClients<AuditedClient>);

impl IdentityLookup for NoPolicyLookup {
    fn identify(&self, credentials: &Credentials, _peer: IpAddr) -> Arc<AuditedClient> {
        self.0.get((credentials, &VouchedFor::default()), None, || {
            let proof = match &credentials.certificate {
                None => Principal::Anonymous.to_string(),
                Some(certificate) => proof(certificate),
            };
            AuditedClient::new(Identity {
                principal: Principal::Anonymous,
                variables: Variables::default(),
                proof,
                refused: None,
            })
        })
    }
}

/// A certificate as a proof, with the names by which a policy could know its bearer.
fn proof(certificate: &ClientCertificate) -> String {
    let ClientCertificate {
        common_names,
        dns_names,
        ip_addresses,
        uris,
        authority,
        fingerprint,
        ..
    } = certificate;
    let named = |kind: &'static str, names: &[String]| -> Vec<String> {
        names.iter().map(|name| format!("{kind}:{name}")).collect()
    };
    let addresses: Vec<_> = ip_addresses.iter().map(ToString::to_string).collect();
    let names = [
        named("cn", common_names),
        named("dns", dns_names),
        named("ip", &addresses),
        named("uri", uris),
    ];
    format!(
        "certificate sha256:{fingerprint} of {} for {}",
        authority.subject,
        names.concat().join(" ")
    )
}

fn parts(identity: &Identity) -> String {
    let mut parts = line::part(PartName::IDENTITY, &identity.principal.to_string());
    parts.push_str(&line::part(PartName::PROOF, &identity.proof));
    let variables: serde_json::Map<_, _> = identity
        .variables
        .pairs()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    if !variables.is_empty() {
        parts.push_str(r#","variables":"#);
        parts.push_str(&serde_json::Value::Object(variables).to_string());
    }
    parts
}

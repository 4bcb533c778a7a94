//! `IdentityLookup`: who a client is, as the audit log tells of it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::line;
use crate::guard::policy::{Identity, Variables};
use crate::model::{ClientCertificate, Credentials, Principal};

/// Says who clients are by what they prove.
pub trait IdentityLookup: fmt::Debug + Send + Sync {
    /// Who has these credentials, and comes from this address.
    fn identify(&self, credentials: &Credentials, peer: IpAddr) -> Arc<Identity>;
}

/// The lookup without a policy: every client is anonymous, whatever it shows.
#[derive(Clone, Copy, Debug)]
pub struct NoPolicyLookup;

impl IdentityLookup for NoPolicyLookup {
    fn identify(&self, credentials: &Credentials, _peer: IpAddr) -> Arc<Identity> {
        let proof = match &credentials.certificate {
            None => Principal::Anonymous.to_string(),
            Some(certificate) => proof(certificate),
        };
        Arc::new(Identity {
            principal: Principal::Anonymous,
            variables: Variables::default(),
            proof,
            refused: None,
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

/// The parts of a line that say who.
pub(super) fn parts(identity: &Identity) -> String {
    let mut parts = line::part("identity", &identity.principal.to_string());
    parts.push_str(&line::part("proof", &identity.proof));
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

//! `CompiledPolicy`: a policy with the secrets and the rights of those who asked by it.

use std::net::IpAddr;
use std::sync::Arc;

use super::audit::AuditedClient;
use super::client_rights::ClientRights;
use super::credentials::KnownSecrets;
use super::known_clients::KnownClients;
use super::policy::{Identity, Policy, Proofs, QuotasByPath, VouchedFor};
use super::quota::PathShapes;
use crate::model::{Credentials, time};

/// A policy with the secrets by which clients prove names, and the rights of those who asked by it. What was compiled goes with
/// what it was compiled from.
#[derive(Debug)]
pub(super) struct CompiledPolicy {
    pub(super) policy: Arc<Policy>,
    /// `None` where there are no credentials: what requests show is ignored.
    pub(super) secrets: Option<KnownSecrets>,
    /// When the next token ends, in milliseconds since 1970: this must not be in force longer.
    pub(super) until: Option<i64>,
    pub(super) uses_peer: bool,
    /// The quotas that bind everybody.
    pub(super) quotas_of_all: QuotasByPath,
    pub(super) counted_paths: PathShapes,
    pub(super) known: KnownClients<ClientRights>,
}

impl CompiledPolicy {
    pub(super) fn new(policy: Arc<Policy>, secrets: Option<KnownSecrets>) -> Self {
        let next = |secrets: &KnownSecrets| secrets.table.next_expiry(time::unix_ms());
        Self {
            until: secrets.as_ref().and_then(next),
            secrets,
            uses_peer: policy.uses_peer(),
            quotas_of_all: QuotasByPath::of(policy.quotas_of_all()),
            counted_paths: policy.counted_paths(),
            policy,
            known: KnownClients::default(),
        }
    }

    /// Who a client is that comes from this address, with what others vouch for.
    pub(super) fn identify(
        &self,
        (credentials, vouched): (&Credentials, &VouchedFor),
        peer: IpAddr,
    ) -> Identity {
        let proofs = match &self.secrets {
            Some(secrets) => secrets.proofs((credentials, vouched), time::unix_ms()),
            None => Proofs::of_certificate(credentials.certificate.clone()),
        };
        self.policy.identify(&proofs, peer)
    }

    pub(super) fn rights_of(&self, credentials: &Credentials, peer: IpAddr) -> Arc<ClientRights> {
        let peer = peer.to_canonical();
        // Where the policy takes no address from the connection, all are the same.
        let counts = self.uses_peer.then_some(peer);
        // Found out each time, and a part of what is known.
        let secrets = self.secrets.as_ref();
        let vouched = secrets.map(|secrets| secrets.vouched_for(credentials));
        let vouched = vouched.unwrap_or_default();
        self.known.get((credentials, &vouched), counts, || {
            let identity = self.identify((credentials, &vouched), peer);
            let rights = self.policy.rights(&identity);
            let quotas = QuotasByPath::of(self.policy.own_quotas_of(&identity));
            ClientRights {
                client: Arc::new(AuditedClient::new(identity)),
                rights,
                quotas,
            }
        })
    }
}

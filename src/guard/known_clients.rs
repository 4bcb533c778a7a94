//! `KnownClients`: what was found out about clients, kept by what they proved.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::RwLock;

use super::policy::VouchedFor;
use crate::model::{ClientCertificate, Credentials, SecretHash, ShownSecrets};

/// The most clients that are known; beyond it all are forgotten, and found out about again when they ask.
const MAX_KNOWN: usize = 16_384;

/// What was found out about clients, by what they proved and, where that counts, by their addresses.
#[derive(Debug)]
pub(super) struct KnownClients<V>(RwLock<HashMap<Proof, Arc<V>>>);

/// What a client's identity depends on.
#[derive(Debug)]
struct Proof {
    certificate: Option<Arc<ClientCertificate>>,
    secrets: ShownSecrets,
    vouched: VouchedFor,
    peer: Option<IpAddr>,
}

impl<V> Default for KnownClients<V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<V> KnownClients<V> {
    /// What is known of who has these credentials, with what others vouch for, and comes from this address, or else what is found
    /// out now.
    pub(super) fn get(
        &self,
        (credentials, vouched): (&Credentials, &VouchedFor),
        peer: Option<IpAddr>,
        find_out: impl FnOnce() -> V,
    ) -> Arc<V> {
        let proof = Proof {
            certificate: credentials.certificate.clone(),
            secrets: credentials.secrets,
            vouched: vouched.clone(),
            peer,
        };
        if let Some(known) = self.0.read().get(&proof) {
            return Arc::clone(known);
        }
        let found = Arc::new(find_out());
        let mut known = self.0.write();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(proof, Arc::clone(&found));
        found
    }

    /// All who are known.
    pub(super) fn all(&self) -> Vec<Arc<V>> {
        self.0.read().values().map(Arc::clone).collect()
    }
}

impl PartialEq for Proof {
    fn eq(&self, other: &Self) -> bool {
        let is_same = match (&self.certificate, &other.certificate) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one == other,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        is_same
            && self.secrets == other.secrets
            && self.vouched == other.vouched
            && self.peer == other.peer
    }
}

impl Eq for Proof {}

impl Hash for Proof {
    /// What is not there adds nothing: it is asked for with each request.
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Of a hash itself, a part is as good as all.
        let begin = |hash: &[u8]| hash.first_chunk::<16>().copied().unwrap_or_default();
        if let Some(certificate) = &self.certificate {
            state.write(&begin(certificate.fingerprint.as_bytes()));
        }
        let ShownSecrets { token, password } = &self.secrets;
        for SecretHash(secret) in token.iter().chain(password) {
            state.write(&begin(secret));
        }
        if let Some(peer) = self.peer {
            peer.hash(state);
        }
    }
}

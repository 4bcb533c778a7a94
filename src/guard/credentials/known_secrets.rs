//! `KnownSecrets`: the secrets that are good now.

use std::sync::Arc;

use super::table::{BadToken, CredentialTable, CredentialUser};
use super::verified_passwords::VerifiedPasswords;
use crate::guard::policy::{Proofs, ProvenToken};
use crate::model::{Credentials, SecretHash};

/// The secrets that are good now: a table, and the passwords that were verified by it.
#[derive(Clone, Debug)]
pub(in crate::guard) struct KnownSecrets {
    pub(in crate::guard) table: Arc<CredentialTable>,
    pub(in crate::guard) verified: Arc<VerifiedPasswords>,
}

impl KnownSecrets {
    /// What a client has proved.
    pub(in crate::guard) fn proofs(&self, credentials: &Credentials, now_ms: i64) -> Proofs {
        let mut proofs = Proofs::of_certificate(credentials.certificate.clone());
        if let Some(secret) = credentials.secrets.token {
            match self.table.token(secret, now_ms) {
                Ok(token) => {
                    proofs.token = Some(ProvenToken {
                        name: Arc::clone(&token.name),
                        accessor: Arc::clone(&token.accessor),
                    });
                }
                Err(BadToken::Unknown | BadToken::Expired(_)) => proofs.unknown = Some("token"),
            }
        }
        if let Some(secret) = credentials.secrets.password {
            match self.user_of(secret) {
                Some(user) => proofs.user = Some(Arc::clone(&user.name)),
                None => proofs.unknown = Some("password"),
            }
        }
        proofs
    }

    /// The user whose password was verified, if it still has that.
    pub(in crate::guard) fn user_of(&self, secret: SecretHash) -> Option<&CredentialUser> {
        let (name, password) = self.verified.get(secret)?;
        let user = self.table.user(name.as_bytes())?;
        (user.password == password).then_some(user)
    }
}

//! `KnownSecrets`: the secrets that are good now.

use std::sync::Arc;

use super::table::{BadToken, CredentialTable, CredentialUser};
use super::verified_passwords::VerifiedPasswords;
use crate::guard::policy::{Proofs, ProvenAccount, ProvenToken};
use crate::guard::token_review::KnownTokens;
use crate::model::{Credentials, SecretHash};

/// The secrets that are good now: a table, the passwords that were verified by it, and the tokens that a cluster vouches for.
#[derive(Clone, Debug)]
pub(in crate::guard) struct KnownSecrets {
    pub(in crate::guard) table: Arc<CredentialTable>,
    pub(in crate::guard) verified: Arc<VerifiedPasswords>,
    /// `None` where no cluster is asked.
    pub(in crate::guard) reviewed: Option<Arc<KnownTokens>>,
}

impl KnownSecrets {
    /// The `ServiceAccount` whose token a client has shown, as long as the cluster's word counts.
    pub(in crate::guard) fn account(
        &self,
        credentials: &Credentials,
    ) -> Option<Arc<ProvenAccount>> {
        let reviewed = self.reviewed.as_ref()?;
        reviewed.account(credentials.secrets.token?)
    }

    /// What a client has proved, whose token is that of this `ServiceAccount` if it is none of the table.
    pub(in crate::guard) fn proofs(
        &self,
        (credentials, account): (&Credentials, Option<&Arc<ProvenAccount>>),
        now_ms: i64,
    ) -> Proofs {
        let mut proofs = Proofs::of_certificate(credentials.certificate.clone());
        if let Some(secret) = credentials.secrets.token {
            match (self.table.token(secret, now_ms), account) {
                (Ok(token), _) => {
                    proofs.token = Some(ProvenToken {
                        name: Arc::clone(&token.name),
                        accessor: Arc::clone(&token.accessor),
                    });
                }
                (Err(BadToken::Unknown), Some(account)) => {
                    proofs.account = Some(Arc::clone(account));
                }
                (Err(BadToken::Unknown | BadToken::Expired(_)), _) => {
                    proofs.unknown = Some("token");
                }
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

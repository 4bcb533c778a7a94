//! `KnownSecrets`: the secrets that are good now.

use std::sync::Arc;

use super::table::{BadToken, CredentialTable, CredentialUser};
use super::verified_passwords::VerifiedPasswords;
use crate::guard::policy::{Proofs, ProvenToken, VouchedFor};
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
    /// The `ServiceAccount` whose token a client has shown, as long as the cluster's word counts, and the user whose password.
    pub(in crate::guard) fn vouched_for(&self, credentials: &Credentials) -> VouchedFor {
        let secrets = &credentials.secrets;
        let reviewed = self.reviewed.as_ref().zip(secrets.token);
        let user = secrets.password.and_then(|secret| self.user_of(secret));
        VouchedFor {
            account: reviewed.and_then(|(reviewed, secret)| reviewed.account(secret)),
            user: user.map(|user| Arc::clone(&user.name)),
        }
    }

    /// What a client has proved; its token is that of the `ServiceAccount`, if of one, unless it is one of the table.
    pub(in crate::guard) fn proofs(
        &self,
        (credentials, vouched): (&Credentials, &VouchedFor),
        now_ms: i64,
    ) -> Proofs {
        let mut proofs = Proofs::of_certificate(credentials.certificate.clone());
        if let Some(secret) = credentials.secrets.token {
            match (self.table.token(secret, now_ms), &vouched.account) {
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
        if credentials.secrets.password.is_some() {
            match &vouched.user {
                Some(user) => proofs.user = Some(Arc::clone(user)),
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

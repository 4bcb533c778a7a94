//! Authentication: who sends a request, by the tokens and the users of the credentials file that is in force.

use std::sync::Arc;

use super::credentials::{
    BadToken, KnownSecrets, RefusedSecret, SecretCheck, UnverifiedLogin, token_hash,
};
use super::policy_in_force::PolicyInForce;
use super::policy_mode::PolicyMode;
use crate::model::{Caller, SecretHash, ShownSecrets, time};
use crate::space::{Authenticate, Authentication, Login, NotAuthenticated, RequestSecrets};

/// The longest token that is looked for, in bytes.
const LONGEST_TOKEN: usize = 4096;

impl PolicyInForce {
    /// What finds out who sends a request by the secrets in it, where there are credentials.
    pub(super) fn authentication(&self) -> Option<&dyn Authenticate> {
        let own: &dyn Authenticate = self;
        self.secret_check().map(|_| own)
    }

    /// The refusal of a secret. In mode `warn` the request goes on, as that of somebody whom the policy would refuse.
    fn refuse<'a>(
        &self,
        check: &SecretCheck,
        (caller, shown): (&Caller, ShownSecrets),
        refused: &RefusedSecret,
    ) -> Authentication<'a> {
        let wait = check.refuse(caller, refused);
        match self.mode() {
            PolicyMode::Warn => Authentication::Known(shown),
            PolicyMode::Enforce => Authentication::Later(Box::pin(async move {
                tokio::time::sleep(wait).await;
                Err(NotAuthenticated::Unknown)
            })),
        }
    }

    async fn verified(
        &self,
        check: &Arc<SecretCheck>,
        caller: &Caller,
        mut shown: ShownSecrets,
        login: UnverifiedLogin,
    ) -> Result<ShownSecrets, NotAuthenticated> {
        let known = || self.known_secrets();
        let verified = check.verify(caller, login, known).await;
        shown.password = match (verified, self.mode()) {
            (Ok(hash), _) => Some(hash),
            (Err(_), PolicyMode::Warn) => Some(SecretHash::NONE),
            (Err(why), PolicyMode::Enforce) => return Err(why),
        };
        Ok(shown)
    }
}

impl Authenticate for PolicyInForce {
    fn check<'a>(&'a self, caller: &'a Caller, secrets: RequestSecrets<'_>) -> Authentication<'a> {
        let mut shown = ShownSecrets::default();
        let Some((check, known)) = self.secret_check().zip(self.known_secrets()) else {
            return Authentication::Known(shown);
        };
        if let Some(token) = secrets.token {
            match token_of(&known, token) {
                Ok(hash) => shown.token = Some(hash),
                Err(refused) => {
                    shown.token = Some(SecretHash::NONE);
                    return self.refuse(check, (caller, shown), &refused);
                }
            }
        }
        let (user, password) = match secrets.login {
            None => return Authentication::Known(shown),
            Some(Login::Password { user, password }) => (user, password),
            Some(Login::Unreadable) => {
                let refused = RefusedSecret {
                    kind: "password",
                    reason: "unreadable",
                    of: None,
                };
                shown.password = Some(SecretHash::NONE);
                return self.refuse(check, (caller, shown), &refused);
            }
        };
        let hash = known.verified.hash(&user, &password);
        if known.user_of(hash).is_some() {
            shown.password = Some(hash);
            return Authentication::Known(shown);
        }
        let login = UnverifiedLogin {
            user,
            password,
            hash,
        };
        Authentication::Later(Box::pin(self.verified(check, caller, shown, login)))
    }
}

/// The hash of a token that is good.
fn token_of(known: &KnownSecrets, token: &[u8]) -> Result<SecretHash, RefusedSecret> {
    let refused = |reason, of| RefusedSecret {
        kind: "token",
        reason,
        of,
    };
    if token.len() > LONGEST_TOKEN {
        return Err(refused("unknown", None));
    }
    let hash = token_hash(token);
    match known.table.token(hash, time::unix_ms()) {
        Ok(_) => Ok(hash),
        Err(BadToken::Unknown) => Err(refused("unknown", None)),
        Err(BadToken::Expired(accessor)) => Err(refused("expired", Some(accessor))),
    }
}

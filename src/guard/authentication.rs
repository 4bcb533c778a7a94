//! Authentication: who sends a request, by the tokens and the users of the credentials file that is in force, and by the tokens
//! that a cluster vouches for.

use std::sync::Arc;

use super::credentials::{
    BadToken, KnownSecrets, RefusedSecret, SecretCheck, UnverifiedLogin, token_hash,
};
use super::policy_in_force::PolicyInForce;
use super::policy_mode::PolicyMode;
use super::token_review::{ReviewState, TokenReviews, UnreviewedToken};
use crate::model::{Caller, HeldToken, SecretHash, time};
use crate::space::{Authenticate, Authentication, Login, NotAuthenticated, RequestSecrets, Shown};

/// The longest token that is looked for, in bytes.
const LONGEST_TOKEN: usize = 4096;

/// What is known at once of a token.
enum TokenFound {
    /// It is good. Who shows one that a cluster vouches for holds it.
    Good(SecretHash, Option<HeldToken>),
    Refused(RefusedSecret),
    /// The cluster has to be asked.
    Unreviewed(UnreviewedToken),
}

/// What is known at once of a user and a password.
enum LoginFound {
    Good(SecretHash),
    Refused(RefusedSecret),
    Unverified(UnverifiedLogin),
}

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
        (caller, shown): (&Caller, Shown),
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

    /// Waits for what is not known at once.
    async fn verified(
        &self,
        (check, caller): (&Arc<SecretCheck>, &Caller),
        mut shown: Shown,
        (token, login): (Option<UnreviewedToken>, Option<UnverifiedLogin>),
    ) -> Result<Shown, NotAuthenticated> {
        let reviews = self.token_reviews();
        if let Some((token, reviews)) = token.zip(reviews) {
            let reviewed = reviews.verify(check, caller, token).await;
            match (reviewed, self.mode()) {
                (Ok((hash, held)), _) => {
                    (shown.secrets.token, shown.held_token) = (Some(hash), Some(held));
                }
                (Err(_), PolicyMode::Warn) => shown.secrets.token = Some(SecretHash::NONE),
                (Err(why), PolicyMode::Enforce) => return Err(why),
            }
        }
        if let Some(login) = login {
            let verified = match self.known_secrets() {
                Some(known) => check.verify(caller, login, known).await,
                None => Err(NotAuthenticated::Unknown),
            };
            shown.secrets.password = match (verified, self.mode()) {
                (Ok(hash), _) => Some(hash),
                (Err(_), PolicyMode::Warn) => Some(SecretHash::NONE),
                (Err(why), PolicyMode::Enforce) => return Err(why),
            };
        }
        Ok(shown)
    }
}

impl Authenticate for PolicyInForce {
    fn check<'a>(&'a self, caller: &'a Caller, secrets: RequestSecrets<'_>) -> Authentication<'a> {
        let mut shown = Shown::default();
        let Some((check, known)) = self.secret_check().zip(self.known_secrets()) else {
            return Authentication::Known(shown);
        };
        let reviews = self.token_reviews();
        let RequestSecrets {
            token,
            account_token,
            login,
        } = secrets;
        // Where no cluster vouches for tokens, one where only such a one can be is no proof of its face.
        let login = match account_token {
            Some(_) if reviews.is_none() => Some(Login::Unreadable),
            Some(_) | None => login,
        };
        let token = match token {
            Some(token) => Some(token_of((&known, reviews), token)),
            None => account_token.and_then(|token| account_of(reviews, token)),
        };
        let mut unreviewed = None;
        match token {
            None => {}
            Some(TokenFound::Good(hash, held)) => {
                (shown.secrets.token, shown.held_token) = (Some(hash), held);
            }
            Some(TokenFound::Refused(refused)) => {
                shown.secrets.token = Some(SecretHash::NONE);
                return self.refuse(check, (caller, shown), &refused);
            }
            Some(TokenFound::Unreviewed(token)) => unreviewed = Some(token),
        }
        let mut unverified = None;
        match login.map(|login| login_of(&known, login)) {
            None => {}
            Some(LoginFound::Good(hash)) => shown.secrets.password = Some(hash),
            Some(LoginFound::Refused(refused)) => {
                shown.secrets.password = Some(SecretHash::NONE);
                return self.refuse(check, (caller, shown), &refused);
            }
            Some(LoginFound::Unverified(login)) => unverified = Some(login),
        }
        if unreviewed.is_none() && unverified.is_none() {
            return Authentication::Known(shown);
        }
        let verified = self.verified((check, caller), shown, (unreviewed, unverified));
        Authentication::Later(Box::pin(verified))
    }
}

/// What is known of a token, of the credentials file or of a cluster.
fn token_of(
    (known, reviews): (&KnownSecrets, Option<&Arc<TokenReviews>>),
    token: &[u8],
) -> TokenFound {
    let refused = |reason, of| {
        TokenFound::Refused(RefusedSecret {
            kind: "token",
            reason,
            of,
        })
    };
    if token.len() > LONGEST_TOKEN {
        return refused("unknown", None);
    }
    let hash = token_hash(token);
    match known.table.token(hash, time::unix_ms()) {
        Ok(_) => TokenFound::Good(hash, None),
        Err(BadToken::Expired(accessor)) => refused("expired", Some(accessor)),
        Err(BadToken::Unknown) => {
            account_of(reviews, token).unwrap_or_else(|| refused("unknown", None))
        }
    }
}

/// What is known of a token, if a cluster vouches for tokens.
fn account_of(reviews: Option<&Arc<TokenReviews>>, token: &[u8]) -> Option<TokenFound> {
    let reviews = reviews?;
    let refused = |kind, reason| {
        TokenFound::Refused(RefusedSecret {
            kind,
            reason,
            of: None,
        })
    };
    if token.len() > LONGEST_TOKEN {
        return Some(refused("token", "unknown"));
    }
    let hash = token_hash(token);
    Some(match reviews.state(hash, token) {
        ReviewState::Good { held, .. } => TokenFound::Good(hash, Some(held)),
        ReviewState::Refused => refused(TokenReviews::KIND, "refused"),
        ReviewState::Unknown => match reviews.unreviewed(hash, token) {
            Ok(token) => TokenFound::Unreviewed(token),
            Err(refused) => TokenFound::Refused(refused),
        },
    })
}

/// What is known of a user and a password.
fn login_of(known: &KnownSecrets, login: Login) -> LoginFound {
    let (user, password) = match login {
        Login::Password { user, password } => (user, password),
        Login::Unreadable => {
            return LoginFound::Refused(RefusedSecret {
                kind: "password",
                reason: "unreadable",
                of: None,
            });
        }
    };
    let hash = known.verified.hash(&user, &password);
    if known.user_of(hash).is_some() {
        return LoginFound::Good(hash);
    }
    LoginFound::Unverified(UnverifiedLogin {
        user,
        password,
        hash,
    })
}

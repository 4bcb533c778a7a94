//! `SecretCheck`: the checks of secrets that take time or fail: verification of passwords, and what follows from failures.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::failed_attempts::{FailedAttempts, Penalty};
use super::known_secrets::KnownSecrets;
use super::metrics::CredentialMetrics;
use super::password_hash::PasswordHash;
use super::table::{CredentialTable, CredentialUser};
use super::turns::VerificationTurns;
use super::verified_passwords::VerifiedPasswords;
use crate::guard::audit::AuditLog;
use crate::guard::policy_mode::PolicyMode;
use crate::model::{Caller, Flow, SecretHash, time};
use crate::space::NotAuthenticated;

/// How many passwords are verified at a time: each takes a processor, and 19 MiB of memory or what its hash says.
const AT_ONCE: usize = 2;

/// Checks secrets, for as long as the gateway runs.
#[derive(Debug)]
pub(in crate::guard) struct SecretCheck {
    mode: PolicyMode,
    pub(in crate::guard) verified: Arc<VerifiedPasswords>,
    attempts: FailedAttempts,
    turns: VerificationTurns,
    at_once: Arc<Semaphore>,
    metrics: CredentialMetrics,
    audit: Option<Arc<AuditLog>>,
}

/// A user and a password that were not verified yet.
pub(in crate::guard) struct UnverifiedLogin {
    pub(in crate::guard) user: Vec<u8>,
    pub(in crate::guard) password: Vec<u8>,
    /// What they are remembered by.
    pub(in crate::guard) hash: SecretHash,
}

/// A secret that is refused.
#[derive(Clone, Debug)]
pub(in crate::guard) struct RefusedSecret {
    /// `token`, `password` or `service-account`.
    pub(in crate::guard) kind: &'static str,
    pub(in crate::guard) reason: &'static str,
    /// The token's accessor or the user's name, where there is such a one.
    pub(in crate::guard) of: Option<Arc<str>>,
}

impl SecretCheck {
    /// Fails where the machine has no random bytes.
    pub(in crate::guard) fn new(
        mode: PolicyMode,
        audit: Option<Arc<AuditLog>>,
        registry: &mut Registry,
    ) -> Result<Self, String> {
        Ok(Self {
            mode,
            verified: Arc::new(VerifiedPasswords::new()?),
            attempts: FailedAttempts::default(),
            turns: VerificationTurns::default(),
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            metrics: CredentialMetrics::register(registry),
            audit,
        })
    }

    /// A table has come into force.
    pub(in crate::guard) fn took_effect(&self, table: &CredentialTable) {
        self.verified.retain(table);
        self.metrics.took_effect(table, time::unix_ms());
        if let Some(audit) = &self.audit {
            audit.record_credentials(Some(table.fingerprint()), None);
        }
    }

    /// A token has expired.
    pub(in crate::guard) fn expired(&self, table: &CredentialTable) {
        self.metrics
            .expires_next(table.next_expiry(time::unix_ms()));
    }

    /// A file could not be used.
    pub(in crate::guard) fn count_unusable(&self, digest: Option<&str>, why: &str) {
        self.metrics.was_unusable();
        if let Some(audit) = &self.audit {
            audit.record_credentials(digest, Some(why));
        }
    }

    /// Tells that a secret is refused; returns how long its refusal waits.
    pub(in crate::guard) fn refuse(&self, caller: &Caller, refused: &RefusedSecret) -> Duration {
        let Caller::Client { face, peer, .. } = caller else {
            return Duration::ZERO;
        };
        let RefusedSecret { kind, reason, of } = refused;
        self.metrics.refused(kind, reason);
        let Penalty { wait, line } = self.attempts.count(Flow::of_address(peer.ip()));
        if let Some(left_out) = line {
            let of = of.as_deref();
            tracing::warn!(face = face.as_str(), %peer, kind, reason, of, left_out, "a secret of a request is not good");
            if let Some(audit) = &self.audit {
                let would = self.mode == PolicyMode::Warn;
                audit.record_refused_login(caller, (kind, reason, of), (would, left_out));
            }
        }
        match self.mode {
            PolicyMode::Enforce => wait,
            PolicyMode::Warn => Duration::ZERO,
        }
    }

    /// Verifies a password in the turn of its client. Once begun it goes on, and a refusal is waited for, when the client hangs up:
    /// whoever does so and comes again gets no turn before.
    pub(in crate::guard) async fn verify(
        self: &Arc<Self>,
        caller: &Caller,
        login: UnverifiedLogin,
        known: impl Fn() -> Option<KnownSecrets>,
    ) -> Result<SecretHash, NotAuthenticated> {
        let hash = login.hash;
        let place = self.turns.enter_of(caller)?;
        let turn = place.turn().await;
        let Some(known) = known() else {
            return Err(NotAuthenticated::Unknown);
        };
        // Another request with the same may have been first.
        if known.user_of(hash).is_some() {
            return Ok(hash);
        }
        let (own, caller) = (Arc::clone(self), caller.clone());
        let verification = tokio::spawn(async move {
            let _until_the_end = (place, turn);
            own.verify_now(&caller, login, &known).await
        });
        let is_good = verification.await.unwrap_or(false);
        is_good.then_some(hash).ok_or(NotAuthenticated::Unknown)
    }

    async fn verify_now(
        &self,
        caller: &Caller,
        login: UnverifiedLogin,
        known: &KnownSecrets,
    ) -> bool {
        let user = known.table.user(&login.user);
        if self.is_of(user, login.password, &known.table).await
            && let Some(user) = user
        {
            self.verified
                .add(login.hash, Arc::clone(&user.name), user.password.clone());
            return true;
        }
        let refused = RefusedSecret {
            kind: "password",
            reason: user.map_or("unknown", |_| "wrong"),
            of: user.map(|user| Arc::clone(&user.name)),
        };
        tokio::time::sleep(self.refuse(caller, &refused)).await;
        false
    }

    /// Whether it is the password of a user. For one that does not exist it takes as long as for another: who exists is not told
    /// by that.
    async fn is_of(
        &self,
        user: Option<&CredentialUser>,
        password: Vec<u8>,
        table: &CredentialTable,
    ) -> bool {
        let Some(any) = user.or(table.users().first()) else {
            return false;
        };
        if password.len() > PasswordHash::LONGEST {
            return false;
        }
        let hash = any.password.clone();
        let permit = Arc::clone(&self.at_once).acquire_owned().await;
        let is_of = spawn_blocking(move || {
            let _until_the_end = permit;
            hash.is_of(&password)
        });
        is_of.await.unwrap_or(false) && user.is_some()
    }
}

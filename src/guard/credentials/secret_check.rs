//! `SecretCheck`: the checks of secrets that take time or fail: verification of passwords, and what follows from failures.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::failed_attempts::{FailedAttempts, Penalty};
use super::known_secrets::KnownSecrets;
use super::metrics::CredentialMetrics;
use super::password_hash::PasswordHash;
use super::table::CredentialTable;
use super::turns::{PlaceInLine, VerificationTurns};
use super::verified_passwords::VerifiedPasswords;
use crate::guard::audit::AuditLog;
use crate::guard::policy_mode::PolicyMode;
use crate::guard::single_flight::{Joined, SingleFlight};
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
    /// Requests of one address with the same password, of a user that has the same hash, wait in one place.
    waiting: SingleFlight<(Flow, SecretHash, Option<PasswordHash>), bool>,
    /// Of all whose turn it is, those with the same are verified once.
    running: SingleFlight<(SecretHash, PasswordHash), bool>,
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
            waiting: SingleFlight::default(),
            running: SingleFlight::default(),
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

    /// Verifies a password in the turn of its client, once for all requests that wait with the same. Once begun it goes on, and a
    /// refusal is waited for, when the client hangs up: whoever does so and comes again gets no turn before.
    pub(in crate::guard) async fn verify(
        self: &Arc<Self>,
        caller: &Caller,
        login: UnverifiedLogin,
        known: KnownSecrets,
    ) -> Result<SecretHash, NotAuthenticated> {
        let hash = login.hash;
        let user = known.table.user(&login.user);
        let refused = RefusedSecret {
            kind: "password",
            reason: user.map_or("unknown", |_| "wrong"),
            of: user.map(|user| Arc::clone(&user.name)),
        };
        // What was begun by another file counts for nothing.
        let by = user.map(|user| user.password.clone());
        let flow = VerificationTurns::flow_of(caller);
        let Joined { work, is_first } = self.waiting.join((flow, hash, by), || {
            let place = self.turns.enter(flow)?;
            let first = (caller.clone(), refused.clone());
            let verified = Arc::clone(self).verify_in_turn(place, first, (login, known));
            Ok::<_, NotAuthenticated>(verified)
        })?;
        if work.await {
            return Ok(hash);
        }
        // Whoever was first has waited already.
        if !is_first {
            tokio::time::sleep(self.refuse(caller, &refused)).await;
        }
        Err(NotAuthenticated::Unknown)
    }

    /// Verifies a password when the turn of a place comes; `first` is who has that, and how it is refused.
    async fn verify_in_turn(
        self: Arc<Self>,
        place: PlaceInLine,
        first: (Caller, RefusedSecret),
        (login, known): (UnverifiedLogin, KnownSecrets),
    ) -> bool {
        let turn = place.turn().await;
        let verification = tokio::spawn(async move {
            let _until_the_end = (place, turn);
            // A client of another address with the same may have been first.
            let is_known = known.user_of(login.hash).is_some();
            let is_good = is_known || self.verify_now(login, &known.table).await;
            if !is_good {
                let (caller, refused) = first;
                tokio::time::sleep(self.refuse(&caller, &refused)).await;
            }
            is_good
        });
        verification.await.unwrap_or(false)
    }

    /// Whether it is the password of the user. For one that does not exist it takes as long as for another: who exists is not told
    /// by that.
    async fn verify_now(&self, login: UnverifiedLogin, table: &CredentialTable) -> bool {
        let UnverifiedLogin {
            user: name,
            password,
            hash,
        } = login;
        let user = table.user(&name);
        let stand_in = || table.stand_in(self.verified.hash(&name, b""));
        let Some(any) = user.or_else(stand_in) else {
            return false;
        };
        if password.len() > PasswordHash::LONGEST {
            return false;
        }
        let by = any.password.clone();
        let Ok(Joined { work, .. }) = self.running.join((hash, by.clone()), || {
            Ok::<_, Infallible>(self.run(password, by))
        });
        let is_its = work.await;
        let Some(user) = user.filter(|_| is_its) else {
            return false;
        };
        self.verified
            .add(hash, Arc::clone(&user.name), user.password.clone());
        true
    }

    /// Verifies a password beside the threads that serve.
    fn run(&self, password: Vec<u8>, by: PasswordHash) -> impl Future<Output = bool> + use<> {
        let at_once = Arc::clone(&self.at_once);
        let verifications = self.metrics.verifications.clone();
        async move {
            let permit = at_once.acquire_owned().await;
            verifications.inc();
            let is_of = spawn_blocking(move || {
                let _until_the_end = permit;
                by.is_of(&password)
            });
            is_of.await.unwrap_or(false)
        }
    }
}

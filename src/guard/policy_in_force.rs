//! `PolicyInForce`: the policy by which clients are told apart and admitted, until another one takes its place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;

use super::audit::{AuditLog, AuditedClient, IdentityLookup};
use super::client_flows::ClientFlows;
use super::client_rights::{ClientRights, Refusal};
use super::compiled_policy::CompiledPolicy;
use super::credentials::{CredentialTable, KnownSecrets, SecretCheck};
use super::policy::{Identity, Policy, RuleName, VouchedFor};
use super::policy_metrics::PolicyMetrics;
use super::policy_mode::PolicyMode;
use super::policy_refusals::PolicyRefusalLog;
use super::quota::QuotaLedger;
use super::quota_collector::{QuotaCollector, QuotaUse, QuotaUses};
use super::token_review::{TokenReviewer, TokenReviews};
use crate::model::{
    Caller, ClientCertificate, ConnectionFlow, Credentials, FlowIdentity, Key, Verb, time,
};
use crate::space::{Audit as _, AuditEvent, Demand, Epoch, OverQuota, QuotaResource};

/// Addresses of documentation (RFC 5737), for finding out whether a name depends on the address.
const ELSEWHERE: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)),
];

/// A policy that is in force, for every keyspace that the gateway serves one after another.
#[derive(Debug)]
pub struct PolicyInForce {
    mode: PolicyMode,
    current: ArcSwap<CompiledPolicy>,
    epoch: Epoch,
    metrics: PolicyMetrics,
    log: PolicyRefusalLog,
    audit: Option<Arc<AuditLog>>,
    /// Set where there are credentials.
    secrets: OnceLock<Arc<SecretCheck>>,
    /// Set where a cluster vouches for tokens.
    reviews: OnceLock<Arc<TokenReviews>>,
    flows: ClientFlows,
    /// What counts for quotas, of each keyspace that is open. Locked while another policy comes into force.
    ledgers: Mutex<Vec<Weak<QuotaLedger>>>,
}

impl PolicyInForce {
    /// Puts a policy in force.
    ///
    /// What it refuses is recorded in `audit`, if there is one, which names clients by it from now on.
    pub fn new(
        policy: Policy,
        mode: PolicyMode,
        audit: Option<Arc<AuditLog>>,
        registry: &mut Registry,
    ) -> Arc<Self> {
        let metrics = PolicyMetrics::register(mode, registry);
        metrics.took_effect(policy.rule_count());
        let fingerprint = policy.fingerprint().to_owned();
        let own = Arc::new(Self {
            mode,
            current: ArcSwap::from_pointee(CompiledPolicy::new(Arc::new(policy), None)),
            epoch: Epoch::default(),
            metrics,
            log: PolicyRefusalLog::default(),
            audit,
            secrets: OnceLock::new(),
            reviews: OnceLock::new(),
            flows: ClientFlows::default(),
            ledgers: Mutex::default(),
        });
        let uses: Weak<Self> = Arc::downgrade(&own);
        registry.register_collector(Box::new(QuotaCollector(uses)));
        if let Some(audit) = &own.audit {
            let lookup: Weak<Self> = Arc::downgrade(&own);
            audit.know(lookup);
            audit.record_policy(Some(&fingerprint), None);
        }
        own
    }

    /// Puts another policy in its place: every request from now on is decided by it, and what waits is asked again.
    pub fn replace(&self, policy: Policy) {
        self.metrics.took_effect(policy.rule_count());
        let fingerprint = policy.fingerprint().to_owned();
        let policy = Arc::new(policy);
        self.put_in_force(|current| CompiledPolicy::new(policy, current.secrets.clone()));
        self.flows
            .identify_again(|certificate, peer| self.flow_identity(certificate, peer));
        self.epoch.advance();
        if let Some(audit) = &self.audit {
            audit.record_policy(Some(&fingerprint), None);
        }
    }

    /// Puts credentials in force, which the gateway has from now on. They are replaced by [`PolicyInForce::replace_credentials`].
    ///
    /// # Errors
    ///
    /// Where the machine has no random bytes.
    pub fn begin_credentials(
        &self,
        table: CredentialTable,
        registry: &mut Registry,
    ) -> Result<(), String> {
        self.begin_secret_check(registry)?;
        self.replace_credentials(table);
        Ok(())
    }

    /// Puts other credentials in their place: every request from now on is decided by them, and what waits is asked again.
    pub fn replace_credentials(&self, table: CredentialTable) {
        let Some(check) = self.secrets.get() else {
            return;
        };
        check.took_effect(&table);
        self.put_secrets_in_force(Some(Arc::new(table)));
    }

    /// Puts these credentials in force, or else those that are already; and with them what a cluster vouches for.
    fn put_secrets_in_force(&self, table: Option<Arc<CredentialTable>>) {
        let Some(check) = self.secrets.get() else {
            return;
        };
        self.put_in_force(|current| {
            let now = current.secrets.as_ref();
            let now = || now.map(|secrets| Arc::clone(&secrets.table));
            let secrets = KnownSecrets {
                table: table.or_else(now).unwrap_or_default(),
                verified: Arc::clone(&check.verified),
                reviewed: self
                    .reviews
                    .get()
                    .map(|reviews| Arc::clone(reviews.known())),
            };
            CompiledPolicy::new(Arc::clone(&current.policy), Some(secrets))
        });
        self.epoch.advance();
    }

    /// Has what waits asked again where a token has expired. Who sends a request is asked each time, so it needs no call of this.
    pub fn expire_credentials(&self) {
        let ended = |until: i64| until <= time::unix_ms();
        if !self.current.load().until.is_some_and(ended) {
            return;
        }
        self.put_in_force(|current| {
            CompiledPolicy::new(Arc::clone(&current.policy), current.secrets.clone())
        });
        self.epoch.advance();
        if let Some((check, secrets)) = self.secrets.get().zip(self.known_secrets()) {
            check.expired(&secrets.table);
        }
    }

    /// Counts credentials that could not be used, and records why, as [`PolicyInForce::count_unusable`] does.
    pub fn count_unusable_credentials(&self, digest: Option<&str>, why: &str) {
        if let Some(check) = self.secrets.get() {
            check.count_unusable(digest, why);
        }
    }

    fn begin_secret_check(&self, registry: &mut Registry) -> Result<(), String> {
        if self.secrets.get().is_none() {
            let check = SecretCheck::new(self.mode, self.audit.clone(), registry)?;
            let _is_first = self.secrets.set(Arc::new(check));
        }
        Ok(())
    }

    /// Has the reviewer say whose tokens are that are for this audience and in no file of credentials, from now on.
    ///
    /// # Errors
    ///
    /// Where the machine has no random bytes.
    pub fn begin_token_review(
        &self,
        reviewer: Arc<dyn TokenReviewer>,
        audience: String,
        registry: &mut Registry,
    ) -> Result<(), String> {
        let reviews = TokenReviews::new(reviewer, audience, registry);
        let _is_first = self.reviews.set(Arc::new(reviews));
        self.begin_secret_check(registry)?;
        self.put_secrets_in_force(None);
        Ok(())
    }

    /// Renews tokens that requests wait with, and has what waits asked again where one is not good any more. To be called from time
    /// to time.
    pub fn renew_tokens(&self) {
        if self.reviews.get().is_some_and(TokenReviews::tick) {
            self.epoch.advance();
        }
    }

    /// The reviews of tokens, where a cluster vouches for them.
    pub(super) fn token_reviews(&self) -> Option<&Arc<TokenReviews>> {
        self.reviews.get()
    }

    /// The check of secrets, where there are credentials.
    pub(super) fn secret_check(&self) -> Option<&Arc<SecretCheck>> {
        self.secrets.get()
    }

    /// The secrets that are good now, where there are credentials.
    pub(super) fn known_secrets(&self) -> Option<KnownSecrets> {
        self.current.load().secrets.clone()
    }

    /// What is counted for quotas is, before they are in force. `next` makes it of what is in force, one after another.
    fn put_in_force(&self, next: impl FnOnce(&CompiledPolicy) -> CompiledPolicy) {
        let mut ledgers = self.ledgers.lock();
        let policy = next(&self.current.load());
        ledgers.retain(|ledger| ledger.strong_count() > 0);
        let live: Vec<_> = ledgers.iter().filter_map(Weak::upgrade).collect();
        let policy = Arc::new(policy);
        for ledger in &live {
            ledger.count_also(&policy.counted_paths);
        }
        self.current.store(Arc::clone(&policy));
        for ledger in &live {
            ledger.count_only(&policy.counted_paths);
        }
    }

    /// What counts for quotas in a keyspace that is opened.
    pub(super) fn new_ledger(&self) -> Arc<QuotaLedger> {
        let mut ledgers = self.ledgers.lock();
        let ledger = Arc::new(QuotaLedger::default());
        ledger.count_also(&self.current.load().counted_paths);
        ledgers.push(Arc::downgrade(&ledger));
        ledger
    }

    /// The policy that is in force now.
    pub(super) fn current(&self) -> Arc<CompiledPolicy> {
        self.current.load_full()
    }

    /// Logs and counts a change that a quota refused, or would have.
    pub(super) fn note_over_quota(&self, caller: &Caller, denied: &OverQuota) {
        let Some(client) = self.rights_of(caller) else {
            return;
        };
        self.metrics.over_quota(denied);
        self.log
            .write_over_quota(self.mode, caller, client.identity(), denied);
        if let Some(audit) = &self.audit {
            let event = AuditEvent::Refused {
                verb: None,
                key: Some(denied.key.as_bytes()),
                is_prefix: false,
                rule: None,
                why: &denied.to_string(),
                would: self.mode == PolicyMode::Warn,
            };
            audit.record(caller, &event);
        }
    }

    /// Counts a policy that could not be used, and records why; `digest` is the SHA-256 of its text, if that could be read, in
    /// small hexadecimal digits.
    pub fn count_unusable(&self, digest: Option<&str>, why: &str) {
        self.metrics.was_unusable();
        if let Some(audit) = &self.audit {
            audit.record_policy(digest, Some(why));
        }
    }

    /// The SHA-256 of the policy's text, in small hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        self.current.load().policy.fingerprint().to_owned()
    }

    /// What is done with what it refuses.
    pub fn mode(&self) -> PolicyMode {
        self.mode
    }

    /// In whose share a new connection counts: that of the identity of its client, whatever address it comes from, as long as it
    /// is open and this policy, or a later one, says so.
    ///
    /// Its address has the share where the certificate names nobody, since anybody's authority can make many of those; where
    /// the policy only warns, for then it changes nothing for clients; and where the name itself depends on the address.
    pub fn flow_of(&self, certificate: &Arc<ClientCertificate>, peer: IpAddr) -> ConnectionFlow {
        self.flows
            .follow(certificate, peer, || self.flow_identity(certificate, peer))
    }

    fn flow_identity(
        &self,
        certificate: &Arc<ClientCertificate>,
        peer: IpAddr,
    ) -> Option<FlowIdentity> {
        if self.mode == PolicyMode::Warn {
            return None;
        }
        let credentials = Credentials {
            certificate: Some(Arc::clone(certificate)),
            ..Credentials::default()
        };
        let current = self.current.load();
        let client = current.rights_of(&credentials, peer);
        let identity = client.identity();
        if identity.refused.is_some() {
            return None;
        }
        // Whoever has a network has many addresses: a name of each would be a share of each.
        if current.uses_peer {
            let elsewhere = ELSEWHERE.into_iter().find(|other| *other != peer)?;
            let there = current.identify((&credentials, &VouchedFor::default()), elsewhere);
            if there.principal != identity.principal {
                return None;
            }
        }
        Some(self.flows.number(&identity.principal))
    }

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// What a caller may do; `None` where it is no client.
    pub(super) fn rights_of(&self, caller: &Caller) -> Option<Arc<ClientRights>> {
        match caller {
            Caller::Client {
                credentials, peer, ..
            } => Some(self.current.load().rights_of(credentials, peer.ip())),
            Caller::Operator | Caller::System => None,
        }
    }

    /// Logs and counts what a client asks for and has no right to.
    pub(super) fn note(&self, caller: &Caller, demands: &[Demand]) {
        let Some(client) = self.rights_of(caller) else {
            return;
        };
        for demand in demands {
            if let Some(refusal) = client.refusal(demand) {
                self.metrics.refused(refusal.verb);
                self.log
                    .write(self.mode, caller, client.identity(), &refusal);
                if let Some(audit) = &self.audit {
                    let why = why(client.identity(), &refusal);
                    audit.record(caller, &self.event(&refusal, &why));
                }
            }
        }
    }

    fn event<'a>(&self, refusal: &Refusal<'a>, why: &'a str) -> AuditEvent<'a> {
        AuditEvent::Refused {
            verb: Some(refusal.verb),
            key: refusal.key.map(Key::as_bytes),
            is_prefix: refusal.is_range,
            rule: refusal.rule.map(RuleName::as_str),
            why,
            would: self.mode == PolicyMode::Warn,
        }
    }

    /// How many demands of this verb were refused so far, or would have been.
    pub fn refused(&self, verb: Verb) -> u64 {
        self.metrics.refusals(verb)
    }
}

/// Why something is refused, for the audit log.
fn why<'a>(identity: &'a Identity, refusal: &Refusal<'_>) -> Cow<'a, str> {
    let said = match (&identity.refused, refusal.rule) {
        (Some(why), _) => return why.into(),
        (None, Some(_)) => "the rule denies it",
        (None, None) => "no rule allows it",
    };
    match &refusal.at {
        None => said.into(),
        Some(at) => format!("{said} with {at}").into(),
    }
}

impl QuotaUses for PolicyInForce {
    fn quota_uses(&self) -> Vec<QuotaUse> {
        let current = self.current();
        let ledger = self.ledgers.lock().iter().rev().find_map(Weak::upgrade);
        let mut bound = current.policy.literal_quotas();
        for client in current.known.all() {
            bound.extend(client.quotas.all().cloned());
        }
        let mut used = HashMap::<(String, QuotaResource), i64>::new();
        if let Some(ledger) = &ledger {
            for quota in &bound {
                let there = ledger.delivered(quota.path().as_bytes());
                for (resource, _) in quota.limits() {
                    let name = quota.name().to_owned();
                    let most = used.entry((name, resource)).or_default();
                    *most = (*most).max(there.of_resource(resource));
                }
            }
        }
        let limits = current.policy.quota_limits();
        let is_open = ledger.is_some();
        let of = |(quota, resource, limit): (String, QuotaResource, u64)| QuotaUse {
            used: is_open.then(|| used.get(&(quota.clone(), resource)).copied().unwrap_or(0)),
            quota,
            resource,
            limit,
        };
        limits.map(of).collect()
    }
}

impl IdentityLookup for PolicyInForce {
    fn identify(&self, credentials: &Credentials, peer: IpAddr) -> Arc<AuditedClient> {
        let client = self.current.load().rights_of(credentials, peer);
        Arc::clone(&client.client)
    }
}

//! `PolicyInForce`: the policy by which clients are told apart and admitted, until another one takes its place.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use prometheus_client::registry::Registry;

use super::audit::{AuditLog, AuditedClient, IdentityLookup};
use super::client_rights::{ClientRights, Refusal};
use super::known_clients::KnownClients;
use super::policy::{Identity, Policy, RuleName};
use super::policy_metrics::PolicyMetrics;
use super::policy_mode::PolicyMode;
use super::policy_refusals::PolicyRefusalLog;
use crate::model::{Caller, Credentials, Key, Verb};
use crate::space::{Audit as _, AuditEvent, Demand, Epoch};

/// A policy that is in force, for every keyspace that the gateway serves one after another.
#[derive(Debug)]
pub struct PolicyInForce {
    mode: PolicyMode,
    current: ArcSwap<CompiledPolicy>,
    epoch: Epoch,
    metrics: PolicyMetrics,
    log: PolicyRefusalLog,
    audit: Option<Arc<AuditLog>>,
}

/// A policy with the rights of those who asked by it. What was compiled goes with the policy it was compiled from.
#[derive(Debug)]
struct CompiledPolicy {
    policy: Policy,
    uses_peer: bool,
    known: KnownClients<ClientRights>,
}

impl PolicyInForce {
    /// Puts a policy in force.
    ///
    /// What it refuses is recorded in `audit`, if there is one, which tells of clients by it from now on.
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
            current: ArcSwap::from_pointee(CompiledPolicy::new(policy)),
            epoch: Epoch::default(),
            metrics,
            log: PolicyRefusalLog::default(),
            audit,
        });
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
        self.current.store(Arc::new(CompiledPolicy::new(policy)));
        self.epoch.advance();
        if let Some(audit) = &self.audit {
            audit.record_policy(Some(&fingerprint), None);
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

    /// Tells of what a client asks for and has no right to.
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

impl IdentityLookup for PolicyInForce {
    fn identify(&self, credentials: &Credentials, peer: IpAddr) -> Arc<AuditedClient> {
        let client = self.current.load().rights_of(credentials, peer);
        Arc::clone(&client.client)
    }
}

impl CompiledPolicy {
    fn new(policy: Policy) -> Self {
        Self {
            uses_peer: policy.uses_peer(),
            policy,
            known: KnownClients::default(),
        }
    }

    fn rights_of(&self, credentials: &Credentials, peer: IpAddr) -> Arc<ClientRights> {
        let peer = peer.to_canonical();
        // Where the policy takes no address from the connection, all are the same.
        let counts = self.uses_peer.then_some(peer);
        self.known.get(credentials, counts, || {
            let identity = self.policy.identify(credentials, peer);
            let rights = self.policy.rights(&identity);
            ClientRights {
                client: Arc::new(AuditedClient::new(identity)),
                rights,
            }
        })
    }
}

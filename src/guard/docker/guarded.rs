//! `GuardedKeyspace`: the guard of a keyspace, and the Docker guard behind it.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use super::DockerGuard;
use super::judge::{Judgement, RecordAuthor, judge};
use crate::guard::client_rights::ClientRights;
use crate::guard::{PolicyInForce, PolicyMode};
use crate::model::{Caller, Key, Principal, Verb, Write};
use crate::space::{
    Admit, Audit, AuditEvent, Authenticate, Demand, Denied, Draft, EntrySieve, Epoch, Quotas,
    Visibility, VisibilityRules as _,
};

/// Admits what another guard admits and the Docker guard does not refuse.
pub struct GuardedKeyspace {
    inner: Arc<dyn Admit>,
    guard: Arc<DockerGuard>,
    policy: Option<Arc<PolicyInForce>>,
}

impl std::fmt::Debug for GuardedKeyspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardedKeyspace")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}

impl GuardedKeyspace {
    /// A guard behind another one; clients are who the policy says they are, if there is one.
    pub fn new(
        inner: Arc<dyn Admit>,
        guard: Arc<DockerGuard>,
        policy: Option<Arc<PolicyInForce>>,
    ) -> Self {
        Self {
            inner,
            guard,
            policy,
        }
    }

    /// Logs and counts what was found, and refuses it if that is the mode.
    fn conclude(&self, caller: &Caller, judgement: &Judgement) -> Result<(), Denied> {
        for (key, fields) in &judgement.unknown {
            self.guard.metrics.saw_unknown();
            self.guard.log.unknown(caller, key, fields);
        }
        let Some((key, refusal)) = &judgement.refusal else {
            return Ok(());
        };
        let (reason, why) = (refusal.name(), refusal.to_string());
        self.guard.metrics.refused(reason);
        self.guard
            .log
            .refused(self.guard.mode, caller, key, (reason, &why));
        if let Some(audit) = self.inner.audit() {
            let event = AuditEvent::Refused {
                verb: None,
                key: Some(key.as_bytes()),
                is_prefix: false,
                rule: Some("--guard"),
                why: &why,
                would: !self.guard.enforces(),
            };
            audit.record(caller, &event);
        }
        if self.guard.enforces() {
            return Err(Denied::Guarded(format!("the Docker guard: {why}")));
        }
        Ok(())
    }
}

/// The client that makes a change of records.
struct ChangingClient<'a> {
    caller: &'a Caller,
    policy: Option<&'a PolicyInForce>,
    /// The rules that bind it, if some do.
    bound_by: Option<&'a ClientRights>,
    /// What the policy says of it, where that only warns.
    looked_up: OnceCell<Option<Arc<ClientRights>>>,
}

impl ChangingClient<'_> {
    fn rights(&self) -> Option<&ClientRights> {
        self.bound_by.or_else(|| {
            let look_up = || self.policy?.rights_of(self.caller);
            self.looked_up.get_or_init(look_up).as_deref()
        })
    }
}

impl RecordAuthor for ChangingClient<'_> {
    /// The address that it has proved, else the one that it comes from. On the loopback are those that bring TLS to daemons without
    /// it, each for its own.
    fn host(&self) -> Option<IpAddr> {
        let Caller::Client { peer, .. } = self.caller else {
            return None;
        };
        let proved = self.rights().and_then(ClientRights::proved_address);
        let peer = Some(peer.ip().to_canonical()).filter(|peer| !peer.is_loopback());
        proved.or(peer)
    }

    fn may_delete(&self, key: &Key) -> bool {
        let is_enforced = |policy: &PolicyInForce| policy.mode() == PolicyMode::Enforce;
        !self.policy.is_some_and(is_enforced)
            || self
                .rights()
                .is_none_or(|rights| rights.allows(Verb::Delete, key))
    }
}

impl Admit for GuardedKeyspace {
    fn check(&self, caller: &Caller, draft: &Draft<'_>, writes: &[Write]) -> Result<(), Denied> {
        self.inner.check(caller, draft, writes)?;
        if !matches!(caller, Caller::Client { .. }) {
            return Ok(());
        }
        let client = ChangingClient {
            caller,
            policy: self.policy.as_deref(),
            bound_by: ClientRights::of_draft(draft),
            looked_up: OnceCell::new(),
        };
        let judgement = judge(&client, draft, writes);
        self.conclude(caller, &judgement)
    }

    fn visibility(&self, caller: &Caller) -> Visibility {
        self.inner.visibility(caller)
    }

    fn audit(&self) -> Option<&dyn Audit> {
        self.inner.audit()
    }

    fn authentication(&self) -> Option<&dyn Authenticate> {
        self.inner.authentication()
    }

    fn quotas(&self) -> Option<Arc<dyn Quotas>> {
        self.inner.quotas()
    }

    fn principal(&self, caller: &Caller) -> Principal {
        self.inner.principal(caller)
    }

    fn visibility_and_principal(&self, caller: &Caller) -> (Visibility, Principal) {
        self.inner.visibility_and_principal(caller)
    }

    fn notes_demands(&self) -> bool {
        self.inner.notes_demands()
    }

    fn note(&self, caller: &Caller, demands: &[Demand]) {
        self.inner.note(caller, demands);
    }

    fn epoch(&self) -> Option<&Epoch> {
        self.inner.epoch()
    }

    fn judges_requests(&self) -> bool {
        true
    }

    fn sieve(&self) -> Option<Arc<dyn EntrySieve>> {
        Some(Arc::<super::quarantine::RecordSieve>::clone(
            &self.guard.sieve,
        ))
    }
}

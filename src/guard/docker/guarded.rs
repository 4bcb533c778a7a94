//! `GuardedKeyspace`: the guard of a keyspace, and the Docker guard behind it.

use std::net::IpAddr;
use std::sync::Arc;

use super::DockerGuard;
use super::judge::{Judgement, MayDelete, RecordAuthor, are_about_records, judge};
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

    /// What the policy says of a client.
    fn rights(&self, caller: &Caller) -> ClientDeletes {
        let policy = self.policy.as_ref();
        ClientDeletes {
            rights: policy.and_then(|policy| policy.rights_of(caller)),
            enforced: policy.is_some_and(|policy| policy.mode() == PolicyMode::Enforce),
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

/// What a client may delete.
#[derive(Debug)]
struct ClientDeletes {
    rights: Option<Arc<ClientRights>>,
    enforced: bool,
}

impl MayDelete for ClientDeletes {
    fn may_delete(&self, key: &Key) -> bool {
        let rights = self.rights.as_ref().filter(|_| self.enforced);
        rights.is_none_or(|rights| rights.allows(Verb::Delete, key))
    }
}

impl ClientDeletes {
    /// The host of a client: the address that it has proved, else the one that it comes from. On the loopback are those that
    /// bring TLS to daemons without it, each for its own.
    fn host(&self, caller: &Caller) -> Option<IpAddr> {
        let Caller::Client { peer, .. } = caller else {
            return None;
        };
        let proved = self
            .rights
            .as_ref()
            .and_then(|rights| rights.proved_address());
        let peer = Some(peer.ip().to_canonical()).filter(|peer| !peer.is_loopback());
        proved.or(peer)
    }
}

impl Admit for GuardedKeyspace {
    fn check(&self, caller: &Caller, draft: &Draft<'_>, writes: &[Write]) -> Result<(), Denied> {
        self.inner.check(caller, draft, writes)?;
        if !matches!(caller, Caller::Client { .. }) || !are_about_records(writes) {
            return Ok(());
        }
        let rights = self.rights(caller);
        let author = RecordAuthor {
            host: rights.host(caller),
            may_delete: &rights,
        };
        let judgement = judge(author, draft, writes);
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

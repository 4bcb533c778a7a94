//! `Enforcer`: the guard of a gateway that has a policy. Sizes are bounded as without one.

use std::sync::Arc;

use super::bounds::Bounds;
use super::client_rights::ClientRights;
use super::keyspace_quotas::KeyspaceQuotas;
use super::policy_in_force::PolicyInForce;
use super::policy_mode::PolicyMode;
use crate::model::{Caller, Principal, Write};
use crate::space::{Admit, Audit, Authenticate, Demand, Denied, Draft, Epoch, Quotas, Visibility};

/// Lets clients see and change what a policy allows, within the bounds of the store.
#[derive(Debug)]
pub struct Enforcer {
    bounds: Arc<Bounds>,
    policy: Arc<PolicyInForce>,
    quotas: Arc<KeyspaceQuotas>,
}

impl Enforcer {
    /// A guard of one keyspace by this policy within these bounds.
    pub fn new(bounds: Arc<Bounds>, policy: Arc<PolicyInForce>) -> Self {
        let quotas = Arc::new(KeyspaceQuotas::new(Arc::clone(&policy)));
        Self {
            bounds,
            policy,
            quotas,
        }
    }

    fn visible_to(&self, client: Option<Arc<ClientRights>>) -> Visibility {
        match (self.policy.mode(), client) {
            (PolicyMode::Enforce, Some(client)) => Visibility::Part(client),
            (PolicyMode::Enforce, None) | (PolicyMode::Warn, _) => Visibility::All,
        }
    }
}

impl Admit for Enforcer {
    fn check(&self, caller: &Caller, draft: &Draft<'_>, writes: &[Write]) -> Result<(), Denied> {
        self.bounds.check(caller, draft, writes)
    }

    fn visibility(&self, caller: &Caller) -> Visibility {
        match self.policy.mode() {
            PolicyMode::Warn => Visibility::All,
            PolicyMode::Enforce => self.visible_to(self.policy.rights_of(caller)),
        }
    }

    fn principal(&self, caller: &Caller) -> Principal {
        principal(self.policy.rights_of(caller).as_deref())
    }

    fn visibility_and_principal(&self, caller: &Caller) -> (Visibility, Principal) {
        let client = self.policy.rights_of(caller);
        let principal = principal(client.as_deref());
        (self.visible_to(client), principal)
    }

    fn quotas(&self) -> Option<Arc<dyn Quotas>> {
        Some(Arc::<KeyspaceQuotas>::clone(&self.quotas))
    }

    fn notes_demands(&self) -> bool {
        true
    }

    fn note(&self, caller: &Caller, demands: &[Demand]) {
        self.policy.note(caller, demands);
    }

    fn authentication(&self) -> Option<&dyn Authenticate> {
        self.policy.authentication()
    }

    fn audit(&self) -> Option<&dyn Audit> {
        self.bounds.audit()
    }

    fn epoch(&self) -> Option<&Epoch> {
        Some(self.policy.epoch())
    }
}

fn principal(client: Option<&ClientRights>) -> Principal {
    client.map_or(Principal::Anonymous, |client| {
        client.identity().principal.clone()
    })
}

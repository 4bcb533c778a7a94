//! Rights of callers: what the guard lets each see and change, and the demands that it notes.

use std::sync::Arc;

use super::audit::AuditEvent;
use super::demand::Demand;
use super::denied::Denied;
use super::keyspace::Keyspace;
use super::sieve::Sifted;
use super::visibility::{Coverage, Visibility};
use super::watch_rights::WatchRights;
use crate::model::{Caller, Key, KeyRange, Principal, Verb};

impl Keyspace {
    /// Refuses a request for what its caller has no right to. Every request that reads asks once, before it does; and again
    /// after it has waited.
    ///
    /// # Errors
    ///
    /// [`Denied::Forbidden`], whether anything is there or not.
    pub fn asks(&self, caller: &Caller, demand: impl FnOnce() -> Demand) -> Result<(), Denied> {
        let visibility = self.visibility(caller);
        let visibility = match caller {
            Caller::Client { .. } if self.inner.sifts => {
                Sifted::of(visibility, self.inner.applier.current().held_back())
            }
            Caller::Client { .. } | Caller::Operator | Caller::System => visibility,
        };
        let is_noted = self.notes_demands(caller);
        if !is_noted && !visibility.is_part() {
            return Ok(());
        }
        let demand = demand();
        let is_met = demand.is_met(&visibility);
        if is_noted && !(is_met && visibility.is_part()) {
            self.inner.admit.note(caller, std::slice::from_ref(&demand));
        }
        if is_met {
            Ok(())
        } else {
            Err(Denied::Forbidden(format!("{demand:?}")))
        }
    }

    /// Whether the rules let the caller do this with the key, or with anything beneath it. What they do not, the guard was
    /// asked about and has recorded; what is refused all the same, an access list refuses.
    pub fn allows(&self, caller: &Caller, verb: Verb, key: &[u8]) -> bool {
        let visibility = self.visibility(caller);
        let one = KeyRange::Exact(Key::user(key));
        let beneath = KeyRange::Prefix(Key::user(key));
        let covers = |verb, range| visibility.covers(verb, range) != Coverage::None;
        let of_many = matches!(verb, Verb::List | Verb::Watch) && covers(verb, &beneath);
        of_many || covers(verb, &one) && covers(Verb::Read, &one)
    }

    /// Whether clients need rights that a policy gives them, or would need them.
    pub fn has_policy(&self) -> bool {
        self.inner.admit.notes_demands()
    }

    /// Takes note of what a request asks for that is answered in part, or refused elsewhere.
    pub fn note(&self, caller: &Caller, demands: impl FnOnce() -> Vec<Demand>) {
        if self.notes_demands(caller) {
            self.inner.admit.note(caller, &demands());
        }
    }

    /// The same as [`Keyspace::asks`] for one key.
    ///
    /// # Errors
    ///
    /// As [`Keyspace::asks`].
    pub fn asks_for_key(&self, caller: &Caller, verb: Verb, key: &Key) -> Result<(), Denied> {
        self.asks(caller, || Demand::All(verb, KeyRange::Exact(key.clone())))
    }

    /// The same as [`Keyspace::asks`] for any key with this prefix.
    ///
    /// # Errors
    ///
    /// As [`Keyspace::asks`].
    pub fn asks_for_prefix(&self, caller: &Caller, verb: Verb, prefix: &Key) -> Result<(), Denied> {
        self.asks(caller, || {
            Demand::AnyOf(vec![(verb, KeyRange::Prefix(prefix.clone()))])
        })
    }

    /// Whether the guard wants to know what the caller's requests ask for.
    pub(super) fn notes_demands(&self, caller: &Caller) -> bool {
        match caller {
            Caller::Client { .. } => self.inner.admit.notes_demands(),
            Caller::Operator | Caller::System => false,
        }
    }

    /// Who the caller is; the operator and the gateway itself are nobody.
    pub fn principal(&self, caller: &Caller) -> Principal {
        match caller {
            Caller::Client { .. } => self.inner.admit.principal(caller),
            Caller::Operator | Caller::System => Principal::Anonymous,
        }
    }

    /// What the caller may see and change, as of now.
    pub fn visibility(&self, caller: &Caller) -> Visibility {
        match caller {
            Caller::Client { .. } => self.inner.admit.visibility(caller),
            Caller::Operator | Caller::System => Visibility::All,
        }
    }

    /// How a caller finds out that it may see other keys than before.
    pub(super) fn rights(&self, caller: &Caller) -> Option<WatchRights> {
        match caller {
            Caller::Client { .. } => self.inner.admit.epoch().map(|epoch| WatchRights {
                epoch: epoch.subscribe(),
                admit: Arc::clone(&self.inner.admit),
                caller: caller.clone(),
            }),
            Caller::Operator | Caller::System => None,
        }
    }

    /// Records that an access list or a quota refused something, where that is wanted. What rules refuse, the guard records.
    pub(super) fn record_denial(&self, caller: &Caller, denied: &Denied) {
        if let (Denied::OverQuota(denied), Some(quotas)) = (denied, &self.inner.quotas) {
            quotas.note(caller, denied);
        }
        if let Denied::ByList(key) = denied
            && let Some(audit) = self.audit()
        {
            audit.record(
                caller,
                &AuditEvent::refused_by_list(None, Some(key.as_bytes())),
            );
        }
    }
}

//! `ClientRights`: what one client may do, as the keyspace asks for it.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;

use super::audit::AuditedClient;
use super::policy::{Identity, QuotasByPath, Rights, RuleName};
use crate::model::{Key, KeyRange, Principal, Verb};
use crate::space::{Coverage, Demand, Draft, LeaseRight, Visibility, VisibilityRules};

/// Who a client is, and what it may do by a policy.
#[derive(Debug)]
pub(super) struct ClientRights {
    pub(super) client: Arc<AuditedClient>,
    pub(super) rights: Rights,
    /// The quotas that bind it, but for those that bind everybody.
    pub(super) quotas: QuotasByPath,
}

/// A demand that is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal<'a> {
    pub(super) verb: Verb,
    /// The key, or what all keys of the range begin with; `None` of sessions.
    pub(super) key: Option<&'a Key>,
    /// It is about every key that begins so.
    pub(super) is_range: bool,
    /// Of a range: with which of these keys it may not be done, or what several of those begin with, where it may be done with
    /// others.
    pub(super) at: Option<Key>,
    /// The rule that denies it; `None` where none allows it.
    pub(super) rule: Option<&'a RuleName>,
}

impl ClientRights {
    /// Those of the client for whom a draft is decided, which nobody has to look up again; `None` where no rules bind it.
    pub(super) fn of_draft<'a>(draft: &'a Draft<'_>) -> Option<&'a Self> {
        let Visibility::Part(rules) = draft.visibility() else {
            return None;
        };
        let rules: &dyn Any = rules.as_ref();
        rules.downcast_ref()
    }

    /// Who it is.
    pub(super) fn identity(&self) -> &Identity {
        self.client.identity()
    }

    /// The address of its host, as its certificate or its connection proved it to the policy.
    pub(super) fn proved_address(&self) -> Option<IpAddr> {
        self.identity().variables.ip()
    }

    /// What is refused of a demand, if it is not met.
    pub(super) fn refusal<'a>(&'a self, demand: &'a Demand) -> Option<Refusal<'a>> {
        let of_range = |verb: Verb, range: &'a KeyRange| {
            let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
            let is_range = matches!(range, KeyRange::Prefix(_));
            // Nobody compares a whole range.
            let asked = implying(verb).filter(|_| is_range).unwrap_or(verb);
            let shortfall = self.rights.shortfall(asked, range);
            let at = shortfall.as_ref().map(|shortfall| shortfall.at.as_slice());
            Refusal {
                verb,
                key: Some(key),
                is_range,
                at: at.filter(|at| *at != key.as_bytes()).map(Key::user),
                rule: shortfall.and_then(|shortfall| shortfall.rule),
            }
        };
        let of_session = |rule: Option<&'a RuleName>| Refusal {
            verb: Verb::Session,
            key: None,
            is_range: false,
            at: None,
            rule,
        };
        match demand {
            Demand::AnyOf(all) => {
                let covers =
                    |(verb, range): &(Verb, KeyRange)| self.covers(*verb, range) != Coverage::None;
                let (verb, range) = all.first()?;
                (!all.iter().any(covers)).then(|| of_range(*verb, range))
            }
            Demand::All(verb, range) => {
                (self.covers(*verb, range) != Coverage::All).then(|| of_range(*verb, range))
            }
            Demand::MakeLease => {
                let verdict = self.rights.creates_sessions();
                (!verdict.allowed).then(|| of_session(verdict.rule))
            }
            Demand::Lease(owner, right) => {
                let verdict = self.rights.sessions(owner, *right);
                (!verdict.allowed).then(|| of_session(verdict.rule))
            }
        }
    }
}

/// The right that gives a verb, too: whoever may write an entry may do so if it is as expected.
fn implying(verb: Verb) -> Option<Verb> {
    match verb {
        Verb::Cas => Some(Verb::Write),
        Verb::Read
        | Verb::List
        | Verb::Watch
        | Verb::Create
        | Verb::Write
        | Verb::Delete
        | Verb::Lock
        | Verb::Session => None,
    }
}

impl VisibilityRules for ClientRights {
    fn allows(&self, verb: Verb, key: &Key) -> bool {
        let allows = |verb| self.rights.decide(verb, key.as_bytes()).allowed;
        allows(verb) || implying(verb).is_some_and(allows)
    }

    fn covers(&self, verb: Verb, range: &KeyRange) -> Coverage {
        match (range, implying(verb)) {
            (_, None) => self.rights.covers(verb, range),
            (KeyRange::Exact(key), Some(_)) if self.allows(verb, key) => Coverage::All,
            (KeyRange::Exact(_), Some(_)) => Coverage::None,
            // Nobody compares a whole range.
            (KeyRange::Prefix(_), Some(implying)) => self.rights.covers(implying, range),
        }
    }

    fn class(&self, verb: Verb, range: &KeyRange) -> Vec<u8> {
        self.rights.class(verb, range)
    }

    fn makes_leases(&self) -> bool {
        self.rights.creates_sessions().allowed
    }

    fn allows_lease(&self, owner: &Principal, right: LeaseRight) -> bool {
        self.rights.sessions(owner, right).allowed
    }
}

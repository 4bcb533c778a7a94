//! Policies: who a client is, and what it may do.
//!
//! A policy is a text in TOML (docs/policy.md). [`Policy::identify`] says who proved what, [`Policy::rights`] compiles what
//! the rules say of that identity. Nothing here looks at a request or at an entry.

mod check;
mod check_quotas;
mod error;
pub(super) mod fields;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod identify;
mod identity;
mod identity_table;
pub mod objects;
pub(super) mod parse;
mod pattern;
#[cfg(test)]
mod policy_test;
mod proofs;
mod quota;
mod quota_table;
#[cfg(test)]
mod quota_test;
mod recognizer;
mod rights;
#[cfg(test)]
mod rights_test;
mod roles;
#[cfg(test)]
mod roles_test;
mod rule;
mod rule_table;
mod subject;
mod subject_tree;
mod template;
mod variables;
mod verb_set;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub use check::PolicyWarning;
pub use error::{PolicyError, PolicyPlace};
pub use identity::Identity;
pub use proofs::{Proofs, ProvenAccount, ProvenToken, VouchedFor};
pub use quota::BoundQuota;
pub(super) use quota::QuotasByPath;
pub use rights::{Rights, RuleName, Shortfall, Verdict};
pub use variables::Variables;

use self::pattern::IdentityPattern;
use self::quota::QuotaRule;
use self::recognizer::{AddressSource, Recognizer};
use self::rights::SessionRules;
use self::rule::{Rule, RuleGrant, SessionGrant};
use self::subject_tree::{RuleMark, RuleNumber, SubjectTreeBuilder};
use self::template::Template;
use super::quota::PathShapes;
use crate::model::Principal;
use crate::space::QuotaResource;

/// A policy. Never changes: a changed file is another policy.
#[derive(Debug, Default)]
pub struct Policy {
    recognizers: Vec<Recognizer>,
    rules: Vec<Rule>,
    names: Arc<[RuleName]>,
    about: RulesByIdentity,
    quotas: Vec<QuotaRule>,
    quotas_about: RulesByIdentity,
    fingerprint: String,
    /// The names of its own roles.
    role_names: Vec<String>,
    /// Roles of its own that no rule grants.
    unused_roles: Vec<(String, PolicyPlace)>,
}

/// Which rules, or quotas, are about whom, in the order of the file each.
#[derive(Debug, Default)]
struct RulesByIdentity {
    anonymous: Vec<RuleNumber>,
    recognized: Vec<RuleNumber>,
    named: HashMap<String, Vec<RuleNumber>>,
    /// Those with variables: few are different.
    templates: HashMap<Template, Vec<RuleNumber>>,
}

impl Policy {
    /// Parses a policy: at most [`Policy::MAX_BYTES`] of TOML. The first error is returned.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        parse::parse(text)
    }

    /// A policy without rules: it allows nothing.
    pub fn nothing() -> Self {
        Self {
            fingerprint: Self::fingerprint_of(""),
            ..Self::default()
        }
    }

    /// The longest text of a policy, in bytes.
    pub const MAX_BYTES: usize = 1 << 20;

    /// The SHA-256 of its text, in 64 small hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The same of any text.
    pub fn fingerprint_of(text: &str) -> String {
        parse::fingerprint(text)
    }

    /// How many rules it has.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// Whether who somebody is depends on the address of the connection (`ip = "peer"`).
    pub fn uses_peer(&self) -> bool {
        let is_peer = |recognizer: &Recognizer| recognizer.address == Some(AddressSource::Peer);
        self.recognizers.iter().any(is_peer)
    }

    /// The identity of a principal's name, as a proof would give it; `given` are variables that the name does not fill in.
    /// Fails where none gives it, or where variables have to be given to tell which.
    pub fn identity_named(&self, name: &str, given: &Variables) -> Result<Identity, String> {
        if name == pattern::ANONYMOUS {
            return Ok(self.identify(&Proofs::default(), IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        }
        let mut found = self
            .recognizers
            .iter()
            .filter_map(|one| one.bearer(name, given));
        let Some(variables) = found.next() else {
            return Err(format!("no [[identity]] gives the principal '{name}'"));
        };
        if found.any(|other| other != variables) {
            return Err(format!(
                "several [[identity]] give the principal '{name}': its variables have to be given"
            ));
        }
        Ok(Identity {
            principal: Principal::named(name),
            variables,
            proof: "given".to_owned(),
            refused: None,
        })
    }

    /// What an identity may do.
    pub fn rights(&self, identity: &Identity) -> Rights {
        self.rights_by(identity, |_| true)
    }

    /// What an identity may do by some of the grants.
    fn rights_by(&self, identity: &Identity, counts: impl Fn(&RuleGrant) -> bool) -> Rights {
        let mut tree = SubjectTreeBuilder::default();
        let mut sessions = SessionRules::default();
        for number in self.about.rules_about(identity) {
            let Some(rule) = self.rules.get(usize::from(number)) else {
                continue;
            };
            let place = match rule.sessions {
                Some(SessionGrant::Own) => Some(&mut sessions.own),
                Some(SessionGrant::All) => Some(&mut sessions.all),
                Some(SessionGrant::None) => Some(&mut sessions.denied),
                None => None,
            };
            if let Some(place) = place {
                place.get_or_insert(number);
            }
            for grant in rule.grants.iter().filter(|grant| counts(grant)) {
                let mark = RuleMark {
                    rule: number,
                    verbs: grant.verbs,
                    denies: grant.denies,
                };
                let filled = grant
                    .subjects
                    .iter()
                    .filter_map(|subject| subject.fill(&identity.variables));
                filled.for_each(|subject| tree.add(&subject, mark));
            }
        }
        Rights::new(
            identity.principal.clone(),
            tree,
            sessions,
            Arc::clone(&self.names),
        )
    }

    /// How many quotas it has.
    pub fn quota_count(&self) -> usize {
        self.quotas.len()
    }

    /// The quotas that bind somebody, those that bind everybody among them.
    pub fn quotas_of(&self, identity: &Identity) -> Vec<BoundQuota> {
        let own = self.own_quotas_of(identity);
        own.chain(self.quotas_of_all()).collect()
    }

    /// The quotas that bind somebody as one of some.
    pub(super) fn own_quotas_of(&self, identity: &Identity) -> impl Iterator<Item = BoundQuota> {
        let numbers = self.quotas_about.rules_about(identity).into_iter();
        let quotas = numbers.filter_map(|number| self.quotas.get(usize::from(number)));
        quotas.flat_map(|quota| {
            let paths = quota.beneath.iter();
            let filled = paths.filter_map(|template| template.fill(&identity.variables));
            filled.map(|path| quota.bound(&path)).collect::<Vec<_>>()
        })
    }

    /// The quotas that bind everybody.
    pub(super) fn quotas_of_all(&self) -> impl Iterator<Item = BoundQuota> {
        let quotas = self.quotas.iter();
        let quotas = quotas.filter(|quota| quota.identities.is_empty());
        quotas.flat_map(|quota| {
            let paths = quota.beneath.iter().filter_map(Template::literal);
            paths.map(|path| quota.bound(path))
        })
    }

    /// The quotas that count beneath a prefix without variables, whomever they bind.
    pub(super) fn literal_quotas(&self) -> Vec<BoundQuota> {
        let of = |quota: &QuotaRule| {
            let paths = quota.beneath.iter().filter_map(Template::literal);
            paths.map(|path| quota.bound(path)).collect::<Vec<_>>()
        };
        self.quotas.iter().flat_map(of).collect()
    }

    /// What each quota allows.
    pub(super) fn quota_limits(&self) -> impl Iterator<Item = (String, QuotaResource, u64)> {
        self.quotas.iter().flat_map(|quota| {
            let limits = quota.limits.each();
            limits.map(|(resource, limit)| (quota.name.as_ref().to_owned(), resource, limit))
        })
    }

    /// The paths beneath which its quotas count.
    pub(super) fn counted_paths(&self) -> PathShapes {
        PathShapes::of(self.quotas.iter().flat_map(QuotaRule::shapes))
    }
}

impl RulesByIdentity {
    /// The rules about somebody, in the order of the file.
    fn rules_about(&self, identity: &Identity) -> Vec<RuleNumber> {
        if identity.refused.is_some() {
            return Vec::new();
        }
        let Principal::Named(name) = &identity.principal else {
            return self.anonymous.clone();
        };
        let mut rules = self.recognized.clone();
        rules.extend(self.named.get(name.as_ref()).into_iter().flatten());
        for (template, numbers) in &self.templates {
            if template.fill(&identity.variables).as_deref() == Some(name.as_ref()) {
                rules.extend(numbers);
            }
        }
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    fn of<'r>(rules: impl Iterator<Item = &'r Vec<IdentityPattern>>) -> Self {
        let mut all = Self::default();
        for (number, identities) in (0..).zip(rules) {
            for pattern in identities {
                match pattern {
                    IdentityPattern::Anonymous => all.anonymous.push(number),
                    IdentityPattern::Recognized => all.recognized.push(number),
                    IdentityPattern::Named(template) => all.add_named(template, number),
                }
            }
        }
        all
    }

    fn add_named(&mut self, template: &Template, number: RuleNumber) {
        let numbers = match template.literal() {
            Some(name) => self.named.entry(name.to_owned()).or_default(),
            None => self.templates.entry(template.clone()).or_default(),
        };
        numbers.push(number);
    }
}

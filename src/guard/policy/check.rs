//! Check of a policy: what is valid, but hardly meant so.

use std::collections::{BTreeSet, HashMap};

use super::error::PolicyPlace;
use super::pattern::IdentityPattern;
use super::recognizer::Recognizer;
use super::rights::Rights;
use super::rule::{Rule, RuleGrant};
use super::subject::{FilledSubject, Scope};
use super::template::Template;
use super::variables::{Variable, Variables};
use super::{Identity, Policy, Proofs};
use crate::model::{Key, KeyRange, Principal, Verb};
use crate::space::Coverage;

/// The most identities that are tried of those that one pattern is about.
const MOST_SAMPLES: usize = 100;

/// What is valid in a policy, but hardly meant so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyWarning {
    /// The rule, role or identity that it is about.
    pub place: PolicyPlace,
    /// What it does, in one line.
    pub message: String,
}

/// What an identity may do, and what it might without denials.
struct Tried {
    identity: Identity,
    rights: Rights,
    undenied: Rights,
}

impl Policy {
    /// What is valid in it, but hardly meant so, in the order of the file. Identities are tried with samples of their
    /// variables, so a text in the policy that is the same as a sample may hide one.
    pub fn warnings(&self) -> Vec<PolicyWarning> {
        // Several identities may lead to the same.
        let mut found = BTreeSet::new();
        let mut warn = |place: PolicyPlace, message: String| {
            found.insert(PolicyWarning { place, message });
        };
        if self.rules.is_empty() {
            let place = PolicyPlace { line: 1, column: 1 };
            warn(
                place,
                "there is no [[rule]]: everything is refused".to_owned(),
            );
        }
        for (name, place) in &self.unused_roles {
            warn(*place, format!("no rule grants the role '{name}'"));
        }
        for recognizer in &self.recognizers {
            if !self.is_granted_something(recognizer) {
                let what = "no rule is about whom this names: everything is refused";
                warn(recognizer.place, what.to_owned());
            }
        }
        for (place, message) in self.quota_warnings() {
            warn(place, message);
        }
        for (pattern, rules) in self.rules_by_pattern() {
            let identities = self.samples(pattern);
            if identities.is_empty() {
                for rule in &rules {
                    warn(rule.place, nobody(rule, pattern));
                }
            }
            for identity in identities {
                let tried = self.try_out(identity);
                for rule in &rules {
                    check_rule(rule, &tried, &mut |message| warn(rule.place, message));
                }
            }
        }
        found.into_iter().collect()
    }

    /// Whether a rule is about somebody whom a recognizer names.
    fn is_granted_something(&self, recognizer: &Recognizer) -> bool {
        let samples = Variables::samples();
        let by_name = |name: &str| recognizer.bearer(name, &samples).is_some();
        let by_template =
            |template: &Template| template.fill(&samples).is_some_and(|name| by_name(&name));
        !self.about.recognized.is_empty()
            || self.about.named.keys().any(|name| by_name(name))
            || self.about.templates.keys().any(by_template)
    }

    /// Identities that a pattern is about.
    pub(super) fn samples(&self, pattern: &IdentityPattern) -> Vec<Identity> {
        let samples = Variables::samples();
        let (template, any) = match pattern {
            IdentityPattern::Anonymous => {
                return vec![self.identify(&Proofs::default(), [127, 0, 0, 1].into())];
            }
            IdentityPattern::Recognized => (None, true),
            IdentityPattern::Named(template) => (Some(template), false),
        };
        let sample = |recognizer: &Recognizer| {
            let name = template.unwrap_or(&recognizer.principal).fill(&samples)?;
            let variables = recognizer.bearer(&name, &samples)?;
            let fits = template.and_then(|template| template.fill(&variables));
            (any || fits.as_deref() == Some(name.as_str())).then(|| Identity {
                principal: Principal::named(&name),
                variables,
                proof: "sample".to_owned(),
                refused: None,
            })
        };
        let found = self.recognizers.iter().filter_map(sample);
        found.take(MOST_SAMPLES).collect()
    }

    /// The rules about each pattern: what an identity may do is compiled once for all of them.
    fn rules_by_pattern(&self) -> Vec<(&IdentityPattern, Vec<&Rule>)> {
        let mut places = HashMap::new();
        let mut all: Vec<(&IdentityPattern, Vec<&Rule>)> = Vec::new();
        for rule in &self.rules {
            for pattern in &rule.identities {
                let place = *places.entry(pattern.text()).or_insert(all.len());
                match all.get_mut(place) {
                    Some((_, rules)) => rules.push(rule),
                    None => all.push((pattern, vec![rule])),
                }
            }
        }
        all
    }

    fn try_out(&self, identity: Identity) -> Tried {
        Tried {
            rights: self.rights(&identity),
            undenied: self.rights_by(&identity, |grant| !grant.denies),
            identity,
        }
    }
}

fn check_rule(rule: &Rule, tried: &Tried, warn: &mut impl FnMut(String)) {
    let Identity {
        principal: who,
        variables,
        ..
    } = &tried.identity;
    for grant in &rule.grants {
        for subject in &grant.subjects {
            match subject.fill(variables) {
                Some(subject) if !grant.denies => check_subject(rule, grant, &subject, tried, warn),
                Some(_) => {}
                None => {
                    let missing = |variable: &Variable| variables.get(*variable).is_none();
                    let missing = subject.variables().find(missing);
                    let (name, missing) = (&rule.name, missing.map_or("", Variable::name));
                    warn(format!(
                        "rule '{name}': {{{missing}}} in a subject is not filled in for {who}"
                    ));
                }
            }
        }
    }
}

/// Checks what a rule allows with a subject.
fn check_subject(
    rule: &Rule,
    grant: &RuleGrant,
    subject: &FilledSubject,
    tried: &Tried,
    warn: &mut impl FnMut(String),
) {
    let (name, keys, who) = (&rule.name, subject.text(), &tried.identity.principal);
    let needs_read = grant.verbs.iter().find(|verb| *verb != Verb::Read);
    match coverage(&tried.undenied, Verb::Read, subject) {
        Coverage::All => {}
        part @ (Coverage::Part | Coverage::None) => {
            if let Some(verb) = needs_read {
                let how = if part == Coverage::None {
                    "not"
                } else {
                    "not everywhere"
                };
                warn(format!(
                    "rule '{name}' allows {who} to {verb} {keys}, which it may {how} read: without read nothing else is allowed"
                ));
            }
            return;
        }
    }
    let denied = |verb: Verb| coverage(&tried.rights, verb, subject) == Coverage::None;
    if grant.verbs.iter().all(denied) {
        let verb = grant.verbs.iter().next().unwrap_or(Verb::Read);
        let verdict = tried.rights.decide(verb, subject.sample().as_bytes());
        let by = verdict
            .rule
            .map(|rule| format!(" by rule '{rule}'"))
            .unwrap_or_default();
        warn(format!(
            "rule '{name}' allows {who} nothing with {keys}: it is denied{by}"
        ));
    }
}

/// Of how much of a subject a verb is allowed.
fn coverage(rights: &Rights, verb: Verb, subject: &FilledSubject) -> Coverage {
    let key = subject.sample();
    let range = match subject.scope {
        Scope::Key => KeyRange::Exact(Key::user(key)),
        Scope::Beneath if key.is_empty() => KeyRange::Prefix(Key::user("")),
        Scope::Beneath => KeyRange::Prefix(Key::user(format!("{key}/"))),
    };
    rights.covers(verb, &range)
}

fn nobody(rule: &Rule, pattern: &IdentityPattern) -> String {
    let name = &rule.name;
    match pattern {
        IdentityPattern::Recognized => {
            format!("rule '{name}' is about nobody: there is no [[identity]]")
        }
        IdentityPattern::Anonymous | IdentityPattern::Named(_) => {
            let shown = pattern.text();
            format!("rule '{name}': no [[identity]] gives a principal '{shown}'")
        }
    }
}

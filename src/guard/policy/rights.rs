//! `Rights`: what one identity may do.

use std::fmt;
use std::sync::Arc;

use super::subject_tree::{RuleNumber, SubjectTree, SubjectTreeBuilder};
use crate::model::{KeyRange, Principal, Realm, Verb};
use crate::space::{Coverage, LeaseRight};

/// The name of a rule. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleName(pub(super) Arc<str>);

impl RuleName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether something is allowed, and by which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The rule that allows or denies it; `None` where none is about it, and so it is not allowed.
    pub rule: Option<&'a RuleName>,
}

/// Why something may not be done with everything in a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall<'a> {
    /// A key of the range with which it may not be done, or what several of those begin with.
    pub at: Vec<u8>,
    /// The rule that denies it; `None` where none is about it, and so it is not allowed.
    pub rule: Option<&'a RuleName>,
}

/// What one identity may do, compiled from the rules of a policy. Never changes.
///
/// Every verb on a key needs the right to read that key as well, for each answer shows what is there. So verdicts, coverages
/// and classes of a verb are already those of both.
#[derive(Debug)]
pub struct Rights {
    principal: Principal,
    tree: SubjectTree,
    sessions: SessionRules,
    names: Arc<[RuleName]>,
}

/// Which rules are about sessions.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SessionRules {
    pub(super) own: Option<RuleNumber>,
    pub(super) all: Option<RuleNumber>,
    pub(super) denied: Option<RuleNumber>,
}

impl Rights {
    pub(super) fn new(
        principal: Principal,
        tree: SubjectTreeBuilder,
        sessions: SessionRules,
        names: Arc<[RuleName]>,
    ) -> Self {
        Self {
            principal,
            tree: tree.build(),
            sessions,
            names,
        }
    }

    /// Whose they are.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether this may be done with a client's key of these bytes. [`Verb::Session`] is about no key: it answers as
    /// [`Rights::creates_sessions`].
    pub fn decide(&self, verb: Verb, key: &[u8]) -> Verdict<'_> {
        if verb == Verb::Session {
            return self.creates_sessions();
        }
        let grants = self.tree.grants(key);
        Verdict {
            allowed: grants.verbs().contains(verb),
            rule: grants.rule(verb).and_then(|rule| self.name(rule)),
        }
    }

    /// Whether nothing but the right to read the key is missing.
    pub fn lacks_read(&self, verb: Verb, key: &[u8]) -> bool {
        verb != Verb::Session && self.tree.grants(key).lacks_read(verb)
    }

    /// With how many of all keys that could be in the range this may be done. Nothing may be done with the gateway's own
    /// records.
    pub fn covers(&self, verb: Verb, range: &KeyRange) -> Coverage {
        let sum = match range {
            KeyRange::Exact(key) | KeyRange::Prefix(key) if key.realm() == Realm::System => {
                return Coverage::None;
            }
            KeyRange::Exact(key) if self.decide(verb, key.as_bytes()).allowed => {
                return Coverage::All;
            }
            KeyRange::Exact(_) => return Coverage::None,
            KeyRange::Prefix(prefix) => self.tree.sum(prefix.as_bytes()),
        };
        if sum.every.contains(verb) {
            Coverage::All
        } else if sum.some.contains(verb) {
            Coverage::Part
        } else {
            Coverage::None
        }
    }

    /// What keeps this from being done with every key that could be in the range; `None` where nothing does.
    pub fn shortfall(&self, verb: Verb, range: &KeyRange) -> Option<Shortfall<'_>> {
        let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
        let whole = |rule| Shortfall {
            at: key.as_bytes().to_vec(),
            rule,
        };
        if key.realm() == Realm::System {
            return Some(whole(None));
        }
        match range {
            KeyRange::Exact(key) => {
                let verdict = self.decide(verb, key.as_bytes());
                (!verdict.allowed).then(|| whole(verdict.rule))
            }
            KeyRange::Prefix(prefix) => {
                let (at, rule) = self.tree.shortfall(verb, prefix.as_bytes())?;
                let rule = rule.and_then(|rule| self.name(rule));
                Some(Shortfall { at, rule })
            }
        }
    }

    /// Names the keys of the range with which this may be done: two identities that may do it with the same keys of the range
    /// have the same name for it, and no others. For the gateway's own records it names whose leases are seen.
    pub fn class(&self, verb: Verb, range: &KeyRange) -> Vec<u8> {
        let mut class = Vec::new();
        match range {
            KeyRange::Exact(key) | KeyRange::Prefix(key) if key.realm() == Realm::System => {
                self.write_session_class(&mut class);
            }
            KeyRange::Exact(key) => class.push(u8::from(self.decide(verb, key.as_bytes()).allowed)),
            KeyRange::Prefix(prefix) => self.tree.write_class(verb, prefix.as_bytes(), &mut class),
        }
        class
    }

    fn write_session_class(&self, out: &mut Vec<u8>) {
        let SessionRules { own, all, denied } = self.sessions;
        if denied.is_some() || (own.is_none() && all.is_none()) {
            out.push(b'n');
        } else if all.is_some() {
            out.push(b'a');
        } else {
            out.push(b'o');
            out.extend_from_slice(self.principal.to_string().as_bytes());
        }
    }

    /// Whether this may be done with a session of this owner: with one's own where sessions may be made, with those of others
    /// where a rule gives `sessions = "all"`. A client without an identity owns what any of them made.
    pub fn sessions(&self, owner: &Principal, right: LeaseRight) -> Verdict<'_> {
        // No right to a session goes without the others.
        let (LeaseRight::See | LeaseRight::Renew | LeaseRight::Lock | LeaseRight::End) = right;
        let own = self.sessions.own.filter(|_| *owner == self.principal);
        self.session_verdict(self.sessions.all.or(own))
    }

    /// Whether sessions may be made.
    pub fn creates_sessions(&self) -> Verdict<'_> {
        self.session_verdict(self.sessions.all.or(self.sessions.own))
    }

    fn session_verdict(&self, allowing: Option<RuleNumber>) -> Verdict<'_> {
        let denied = self.sessions.denied;
        let name = |rule: RuleNumber| self.name(rule);
        Verdict {
            allowed: denied.is_none() && allowing.is_some(),
            rule: denied.or(allowing).and_then(name),
        }
    }

    fn name(&self, rule: RuleNumber) -> Option<&RuleName> {
        self.names.get(usize::from(rule))
    }
}

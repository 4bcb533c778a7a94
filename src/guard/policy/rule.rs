//! Rules and roles: who may do what with which keys.

use super::error::PolicyPlace;
use super::pattern::IdentityPattern;
use super::rights::RuleName;
use super::subject::RuleSubject;
use super::verb_set::VerbSet;
use crate::model::Verb;

/// Allows or denies something to somebody.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: RuleName,
    pub(super) place: PolicyPlace,
    pub(super) identities: Vec<IdentityPattern>,
    pub(super) grants: Vec<RuleGrant>,
    pub(super) sessions: Option<SessionGrant>,
}

/// Verbs on subjects.
#[derive(Clone, Debug)]
pub(super) struct RuleGrant {
    /// With those that they bring along.
    pub(super) verbs: VerbSet,
    pub(super) denies: bool,
    pub(super) subjects: Vec<RuleSubject>,
}

/// Which sessions somebody may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionGrant {
    Own,
    All,
    /// None, whatever other rules say.
    None,
}

impl SessionGrant {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "own" => Some(Self::Own),
            "all" => Some(Self::All),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// The verbs that are allowed where these are: who may write whatever is there may do so with a condition.
pub(super) fn allowed_with(verbs: VerbSet) -> VerbSet {
    let mut all = verbs;
    if verbs.contains(Verb::Write) {
        all.insert(Verb::Cas);
    }
    all
}

/// The verbs that are denied where these are: a write with a condition is a write, and everything shows what is there.
pub(super) fn denied_with(verbs: VerbSet) -> VerbSet {
    if verbs.contains(Verb::Read) {
        VerbSet::KEYS
    } else {
        allowed_with(verbs)
    }
}

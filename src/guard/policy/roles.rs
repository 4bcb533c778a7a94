//! Roles: what rules can grant by name.

use super::rule::{RuleGrant, SessionGrant, allowed_with};
use super::subject::{RuleSubject, Scope};
use super::verb_set::VerbSet;
use crate::model::Verb;

/// The names of the roles that every policy has.
pub(super) const BUILT_IN: [&str; 3] = ["docker-node", "reader", "admin"];

const KEY_VERBS: [Verb; 8] = {
    use Verb::{Cas, Create, Delete, List, Lock, Read, Watch, Write};
    [Read, List, Watch, Create, Write, Cas, Delete, Lock]
};

/// What a role grants, beneath a prefix that each rule gives.
#[derive(Clone, Debug)]
pub(super) struct Role {
    pub(super) grants: Vec<RoleGrant>,
    pub(super) sessions: Option<SessionGrant>,
    /// Whether the directories of the prefix may be made.
    pub(super) makes_parents: bool,
}

/// Verbs on subjects, as they are written.
#[derive(Clone, Debug)]
pub(super) struct RoleGrant {
    pub(super) verbs: VerbSet,
    pub(super) denies: bool,
    pub(super) subjects: Vec<(Scope, String)>,
}

impl Role {
    /// A role that every policy has; `None` where none is called so.
    pub(super) fn built_in(name: &str) -> Option<Self> {
        let everything = |verbs: &[Verb]| RoleGrant::new(verbs, &[(Scope::Beneath, "")]);
        match name {
            "docker-node" => Some(Self {
                grants: docker_node(),
                sessions: Some(SessionGrant::Own),
                makes_parents: true,
            }),
            "reader" => Some(Self {
                grants: vec![everything(&[Verb::Read, Verb::List, Verb::Watch])],
                sessions: Some(SessionGrant::Own),
                makes_parents: false,
            }),
            "admin" => Some(Self {
                grants: vec![everything(&KEY_VERBS)],
                sessions: Some(SessionGrant::All),
                makes_parents: false,
            }),
            _ => None,
        }
    }

    /// What it grants beneath a prefix.
    pub(super) fn grants_beneath(&self, prefix: &str) -> Result<Vec<RuleGrant>, String> {
        let grants = self.grants.iter().map(|grant| grant.beneath(prefix));
        let mut grants = grants.collect::<Result<Vec<RuleGrant>, String>>()?;
        if self.makes_parents && !prefix.is_empty() {
            grants.push(parents(prefix)?);
        }
        Ok(grants)
    }
}

impl RoleGrant {
    /// What it grants beneath a prefix.
    pub(super) fn beneath(&self, prefix: &str) -> Result<RuleGrant, String> {
        let subject = |(scope, text): &(Scope, String)| RuleSubject::parse(text, prefix, *scope);
        let subjects: Result<_, String> = self.subjects.iter().map(subject).collect();
        Ok(RuleGrant {
            verbs: self.verbs,
            denies: self.denies,
            subjects: subjects?,
        })
    }

    fn new(verbs: &[Verb], subjects: &[(Scope, &str)]) -> Self {
        let own = |(scope, text): &(Scope, &str)| (*scope, (*text).to_owned());
        Self {
            verbs: allowed_with(VerbSet::of(verbs.iter().copied())),
            denies: false,
            subjects: subjects.iter().map(own).collect(),
        }
    }
}

/// What the daemon of a Docker host asks for, by what it was recorded to (docs/docker-requests.md): it shares the records of
/// networks with all hosts, and has its own record among the nodes.
fn docker_node() -> Vec<RoleGrant> {
    use Scope::{Beneath, Key};
    use Verb::{Cas, Create, Delete, List, Lock, Read, Watch, Write};
    vec![
        RoleGrant::new(
            &[Read, List, Watch],
            &[(Beneath, "docker/nodes"), (Beneath, "docker/network/v1.0")],
        ),
        // Over ZooKeeper each directory above a new key is made, if it is not there.
        RoleGrant::new(
            &[Read, Create],
            &[
                (Key, "docker"),
                (Key, "docker/network"),
                (Key, "docker/network/v1.0"),
            ],
        ),
        // Directories are written without a condition: it is nothing that is in them.
        RoleGrant::new(
            &[Create, Write],
            &[
                (Key, "docker/nodes"),
                (Key, "docker/network/v1.0/network"),
                (Key, "docker/network/v1.0/endpoint_count"),
                // Those of the networks as well.
                (Beneath, "docker/network/v1.0/endpoint"),
            ],
        ),
        RoleGrant::new(&[Create, Cas, Delete], &[(Beneath, "docker/network/v1.0")]),
        RoleGrant::new(&[Create, Write, Lock], &[(Key, "docker/nodes/{ip}:{port}")]),
    ]
}

/// The directories above the keys of a prefix: over ZooKeeper each is made, if it is not there.
fn parents(prefix: &str) -> Result<RuleGrant, String> {
    let segments: Vec<&str> = prefix.split('/').collect();
    let parent = |count| {
        let parent: Vec<&str> = segments.iter().take(count).copied().collect();
        RuleSubject::parse(&parent.join("/"), "", Scope::Key)
    };
    let subjects: Result<_, String> = (1..=segments.len()).map(parent).collect();
    Ok(RuleGrant {
        verbs: VerbSet::of([Verb::Read, Verb::Create]),
        denies: false,
        subjects: subjects?,
    })
}

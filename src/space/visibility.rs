//! Visibility: what of the keyspace one caller may see, and change.
//!
//! The rules, which hold for every face:
//!
//! - A read of many (scan, list, watch, replay of the past) leaves out what is hidden. Its index, its wake-ups and the
//!   directories it implies depend only on what the caller may see.
//! - A decision that looks at a hidden key, or writes one, is forbidden, whether or not the key is there.
//! - A write of a subtree (recursive delete, the TTL of a directory) is forbidden unless it is allowed for all of the range, be
//!   anything there or not.
//! - A lease belongs to the principal that made it. The rules say what others may do with it.
//!
//! A key that is named alone is asked for with [`Verb::Read`], one that a range shows with [`Verb::List`], and changes and the
//! past with [`Verb::Watch`]. Whatever writes a key reads it, because answers to writes show what was there.
//!
//! What stays visible to everybody: how fast the one line of revisions moves (`X-Etcd-Index`, revisions of one's own
//! writes), and the floors below which history and deletions are forgotten.

use std::any::Any;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{Change, Commit, Key, KeyRange, Lease, LeaseId, Principal, Realm, Verb};

/// What of the keyspace a caller can see and change.
#[derive(Clone)]
pub enum Visibility {
    /// Every key, and every lease to do with as one likes.
    All,
    /// What these rules say.
    Part(Arc<dyn VisibilityRules>),
}

/// Rules for a caller who may not see or use everything.
///
/// They are about clients' keys and leases alone: the gateway's own records are hidden from every such caller. The guard knows
/// those that it made again, by their type.
pub trait VisibilityRules: Any + Send + Sync {
    /// Whether this may be done with this key, be it there or not. What may be listed or watched may be read.
    fn allows(&self, verb: Verb, key: &Key) -> bool;

    /// For how much of everything that could be in the range it is allowed.
    fn covers(&self, verb: Verb, range: &KeyRange) -> Coverage;

    /// Names the keys of the range for which it is allowed: callers with the same name for it see the same keys of it, so
    /// they share encoded lists. For [`LeaseId::records`] it names whose leases are seen.
    fn class(&self, verb: Verb, range: &KeyRange) -> Vec<u8>;

    /// Whether leases may be made.
    fn makes_leases(&self) -> bool;

    /// Whether this may be done with a lease of another, of this principal, or of nobody.
    fn allows_lease(&self, owner: &Principal, right: LeaseRight) -> bool;
}

/// For how much of a range something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every key that could be in it.
    All,
    /// Some keys.
    Part,
    /// No key.
    None,
}

/// What is done with a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRight {
    /// It is shown, alone or in a list.
    See,
    /// Its term begins again.
    Renew,
    /// It locks an entry or releases one.
    Lock,
    /// It is ended, or changed.
    End,
}

/// What a caller sees of some ranges, by name. Views of one class show the same keys in these ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ViewClass {
    rules: Option<Vec<u8>>,
    /// The caller's address, where an access list binds callers in these ranges.
    address: Option<IpAddr>,
}

impl ViewClass {
    /// The class of those of this one at this address.
    pub(crate) fn bound_by_lists(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    /// Whether an access list binds callers.
    pub fn is_bound_by_lists(&self) -> bool {
        self.address.is_some()
    }
}

impl Visibility {
    /// Whether there are rules.
    pub fn is_part(&self) -> bool {
        matches!(self, Self::Part(_))
    }

    /// Whether this may be done with this key.
    pub fn allows(&self, verb: Verb, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Part(rules) => key.realm() == Realm::User && rules.allows(verb, key),
        }
    }

    /// For how much of everything that could be in the range it is allowed.
    pub fn covers(&self, verb: Verb, range: &KeyRange) -> Coverage {
        let (KeyRange::Exact(key) | KeyRange::Prefix(key)) = range;
        match self {
            Self::All => Coverage::All,
            Self::Part(_) if key.realm() == Realm::System => Coverage::None,
            Self::Part(rules) => rules.covers(verb, range),
        }
    }

    /// Whether it is allowed for every key that could be in the range.
    pub fn allows_all(&self, verb: Verb, range: &KeyRange) -> bool {
        self.covers(verb, range) == Coverage::All
    }

    /// What each of these verbs shows of these ranges. Everybody who sees all of them is of one class.
    pub fn class(&self, verbs: &[Verb], ranges: &[KeyRange]) -> ViewClass {
        let Self::Part(rules) = self else {
            return ViewClass::default();
        };
        let asked = || {
            let of_range = |range| verbs.iter().map(move |verb| (*verb, range));
            ranges.iter().flat_map(of_range)
        };
        if asked().all(|(verb, range)| self.allows_all(verb, range)) {
            return ViewClass::default();
        }
        let mut class = Vec::new();
        for (verb, range) in asked() {
            let one = rules.class(verb, range);
            // The length before each keeps names of neighbouring ranges apart.
            class.extend_from_slice(&one.len().to_le_bytes());
            class.extend_from_slice(&one);
        }
        ViewClass {
            rules: Some(class),
            address: None,
        }
    }

    /// Whether leases may be made.
    pub fn makes_leases(&self) -> bool {
        match self {
            Self::All => true,
            Self::Part(rules) => rules.makes_leases(),
        }
    }

    /// Whether this may be done with a lease of this owner.
    pub fn allows_lease(&self, owner: &Principal, right: LeaseRight) -> bool {
        match self {
            Self::All => true,
            Self::Part(rules) => rules.allows_lease(owner, right),
        }
    }

    /// Whether a watch must look at a change of this key. Of a lease only the watch itself finds out, in its own time.
    pub(crate) fn may_see(&self, key: &Key) -> bool {
        match self {
            Self::All => true,
            Self::Part(_) => self.allows(Verb::Watch, key) || LeaseId::is_record(key),
        }
    }

    fn sees_change(&self, change: &Change) -> bool {
        if !LeaseId::is_record(&change.key) {
            return self.allows(Verb::Watch, &change.key);
        }
        let record = change.now.as_ref().or(change.before.as_ref());
        let lease = record.and_then(|record| Lease::read(record.value()));
        lease.is_some_and(|lease| self.allows_lease(&lease.owner, LeaseRight::See))
    }

    /// The commit as far as it can be watched; `None` where nothing of it can. The node it acted on as a whole is left out
    /// where that is hidden: what is left then happened to each key by itself.
    pub(crate) fn shown(&self, commit: &Arc<Commit>) -> Option<Arc<Commit>> {
        if matches!(self, Self::All) {
            return Some(Arc::clone(commit));
        }
        let is_shown = |node: &&Key| self.allows(Verb::Watch, node);
        let subject = commit.subject.as_ref().filter(is_shown);
        let changes: Vec<_> = commit
            .changes
            .iter()
            .filter(|change| self.sees_change(change))
            .collect();
        if changes.is_empty() {
            return None;
        }
        if changes.len() == commit.changes.len() && subject == commit.subject.as_ref() {
            return Some(Arc::clone(commit));
        }
        Some(Arc::new(Commit {
            revision: commit.revision,
            cause: commit.cause,
            subject: subject.cloned(),
            changes: changes.into_iter().cloned().collect(),
        }))
    }
}

impl fmt::Debug for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "All",
            Self::Part(_) => "Part",
        })
    }
}

//! Verbs: what a policy allows or denies.

use std::fmt;
use std::str::FromStr;

/// What a caller does with a key, or with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// The value of a key that is named.
    Read,
    /// Appearing in the listing of a range.
    List,
    /// Getting events of changes, and waiting for them.
    Watch,
    /// Putting an entry where there was none.
    Create,
    /// Putting an entry in the place of another one, whatever its state.
    Write,
    /// Putting an entry in the place of another one whose state the request names.
    Cas,
    /// Removing an entry.
    Delete,
    /// Locking an entry with a session, and releasing it.
    Lock,
    /// Making, renewing and ending sessions; about no key.
    Session,
}

impl Verb {
    /// Every verb, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::List,
        Self::Watch,
        Self::Create,
        Self::Write,
        Self::Cas,
        Self::Delete,
        Self::Lock,
        Self::Session,
    ];

    /// Its name in policies, metrics and the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Write => "write",
            Self::Cas => "cas",
            Self::Delete => "delete",
            Self::Lock => "lock",
            Self::Session => "session",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a verb: read, list, watch, create, write, cas, delete, lock or session")]
pub struct ParseVerb;

impl FromStr for Verb {
    type Err = ParseVerb;

    fn from_str(text: &str) -> Result<Self, ParseVerb> {
        let named = Self::ALL.into_iter().find(|verb| verb.name() == text);
        named.ok_or(ParseVerb)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_named_in_small_letters() {
        for verb in Verb::ALL {
            assert_eq!(verb.to_string().parse(), Ok(verb));
        }
        assert_eq!("Read".parse::<Verb>(), Err(ParseVerb));
    }
}

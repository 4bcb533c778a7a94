//! Verbs: what a policy allows or denies.

use std::fmt;
use std::str::FromStr;

/// What is done with a key, or with a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// The value of a key that is named is shown, or compared.
    Read,
    /// A key appears in the list of a range.
    List,
    /// Changes of a key are told, or waited for.
    Watch,
    /// An entry is put where there was none.
    Create,
    /// An entry that is there is put.
    Write,
    /// The same by a request that itself names the state that the entry must be in.
    Cas,
    /// An entry is removed.
    Delete,
    /// An entry is locked or released, and written by that.
    Lock,
    /// A session is made, renewed, ended or shown.
    Session,
}

impl Verb {
    /// Every verb.
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

    /// Its name, in lower case.
    pub fn as_str(self) -> &'static str {
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
        f.write_str(self.as_str())
    }
}

/// The text is no verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a verb: read, list, watch, create, write, cas, delete, lock, session")]
pub struct ParseVerb;

impl FromStr for Verb {
    type Err = ParseVerb;

    fn from_str(text: &str) -> Result<Self, ParseVerb> {
        let named = Self::ALL.into_iter().find(|verb| verb.as_str() == text);
        named.ok_or(ParseVerb)
    }
}

//! `Verb`: what is done to a key, as policies and the audit log name it.

use std::fmt;
use std::str::FromStr;

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// The value of a key that is named is looked at.
    Read,
    /// Keys of a range are listed.
    List,
    /// Changes are waited for.
    Watch,
    /// An entry is put where none was.
    Create,
    /// An entry that is there is put.
    Write,
    /// An entry that is there is put, by a request that names the state it must be in.
    Cas,
    /// An entry is removed.
    Delete,
    /// An entry is locked or released.
    Lock,
    /// A session is made, renewed, ended or shown.
    Session,
}

impl Verb {
    /// Every verb, in the order of the documentation.
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

    /// The name in policies, in metrics and in the audit log.
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
#[error("not a verb")]
pub struct ParseVerbError;

impl FromStr for Verb {
    type Err = ParseVerbError;

    fn from_str(text: &str) -> Result<Self, ParseVerbError> {
        let named = Self::ALL.into_iter().find(|verb| verb.as_str() == text);
        named.ok_or(ParseVerbError)
    }
}

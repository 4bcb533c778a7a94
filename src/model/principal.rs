//! Principals: the identities that clients prove.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Who a client is. Cheap to clone.
///
/// The guard says it, from what the client proved. Anonymous is an identity like any other: rights can be granted to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Principal {
    /// A client that proved no identity.
    #[default]
    Anonymous,
    /// A client that proved to be the bearer of this name. The name is never empty.
    Named(Arc<str>),
}

impl Principal {
    /// The principal of a name.
    pub fn named(name: &str) -> Self {
        if name.is_empty() {
            Self::Anonymous
        } else {
            Self::Named(name.into())
        }
    }

    /// Whether it proved no identity.
    pub fn is_anonymous(&self) -> bool {
        *self == Self::Anonymous
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::Named(name) => name,
        })
    }
}

impl From<String> for Principal {
    fn from(name: String) -> Self {
        Self::named(&name)
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        match principal {
            Principal::Anonymous => Self::new(),
            Principal::Named(name) => name.as_ref().into(),
        }
    }
}

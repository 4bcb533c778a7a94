//! `AclItem`: an entry of an access list, wherever the list is kept.

use crate::wire::zookeeper::AclEntry;

/// An entry of an access list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AclItem<'a> {
    /// The bits of the permissions, as [`AclEntry`] has them.
    pub(crate) permissions: i32,
    /// The scheme: `world`, `auth`, `digest` or `ip`; in lists that were imported, any.
    pub(crate) scheme: &'a str,
    /// The identity within the scheme.
    pub(crate) id: &'a str,
}

impl AclItem<'_> {
    /// Whether everybody is meant.
    pub(super) fn is_world(self) -> bool {
        (self.scheme, self.id) == ("world", "anyone")
    }

    /// The entry as it is sent.
    pub(crate) fn to_entry(self) -> AclEntry {
        AclEntry {
            permissions: self.permissions,
            scheme: self.scheme.to_owned(),
            id: self.id.to_owned(),
        }
    }
}

impl<'a> From<&'a AclEntry> for AclItem<'a> {
    fn from(entry: &'a AclEntry) -> Self {
        Self {
            permissions: entry.permissions,
            scheme: &entry.scheme,
            id: &entry.id,
        }
    }
}

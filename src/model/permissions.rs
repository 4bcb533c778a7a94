//! `Permissions`: what an access list permits.

/// A set of permissions; bits that mean nothing are kept in lists and never asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(i32);

impl Permissions {
    /// To read its data and the names of its children, to know that it exists, and to get events of its changes.
    pub const READ: Self = Self(1);
    /// To set its data.
    pub const WRITE: Self = Self(2);
    /// To create nodes directly beneath it.
    pub const CREATE: Self = Self(4);
    /// To delete nodes directly beneath it.
    pub const DELETE: Self = Self(8);
    /// To set its access list.
    pub const ADMIN: Self = Self(16);
    /// To read its access list.
    pub const READ_OR_ADMIN: Self = Self(1 | 16);

    /// Whether these bits of a list's entry have at least one of them.
    pub fn are_in(self, bits: i32) -> bool {
        self.0 & bits != 0
    }
}

//! `ShownSecrets`: the secrets that a request showed, as hashes.

use std::fmt;

/// The secrets that a request showed besides its connection, none of them as it came.
///
/// Whether they are good, and whose they are, the guard says, and anew whenever its credentials change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ShownSecrets {
    /// Its token.
    pub token: Option<SecretHash>,
    /// Its user's name and password, as one.
    pub password: Option<SecretHash>,
}

/// A hash of a secret that cannot be guessed, or by a key that nobody knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of no secret.
    pub const NONE: Self = Self([0; 32]);
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash")
    }
}

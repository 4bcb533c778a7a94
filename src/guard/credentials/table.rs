//! `CredentialTable`: the tokens and the users of a credentials file.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::password_hash::PasswordHash;
use crate::model::SecretHash;

/// The tokens and the users of a credentials file. Never changes: a changed file is another table. The default is that without a
/// file.
#[derive(Debug, Default)]
pub struct CredentialTable {
    /// In the order of the file.
    pub(super) tokens: Vec<CredentialToken>,
    /// In the order of the file.
    pub(super) users: Vec<CredentialUser>,
    /// The place of each token, by the hash of its secret.
    pub(super) by_secret: HashMap<SecretHash, usize>,
    /// The place of each user, by its name.
    pub(super) by_name: HashMap<Arc<str>, usize>,
    pub(super) fingerprint: String,
}

/// A token, without its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CredentialToken {
    /// Its own name, which no other token has.
    pub accessor: Arc<str>,
    /// The name by which a policy knows its bearer; several tokens may have the same.
    pub name: Arc<str>,
    /// When it ends, in milliseconds since 1970; never where that is `None`.
    pub expires: Option<i64>,
    /// What it is for.
    pub description: String,
    pub(super) secret: SecretHash,
    /// Its table in the text.
    pub(super) place: Range<usize>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialUser {
    /// Its name.
    pub name: Arc<str>,
    pub(super) password: PasswordHash,
    /// The value of its password in the text, with the quotes.
    pub(super) place: Range<usize>,
}

/// Why a token is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::guard) enum BadToken {
    Unknown,
    /// The token of this accessor has ended.
    Expired(Arc<str>),
}

/// The hash of a token's secret.
pub fn token_hash(secret: &[u8]) -> SecretHash {
    SecretHash(Sha256::digest(secret).into())
}

impl fmt::Debug for CredentialToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialToken")
            .field("accessor", &self.accessor)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl CredentialToken {
    /// Whether it has ended.
    pub fn is_expired(&self, now_ms: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now_ms)
    }
}

impl CredentialTable {
    /// The longest file, in bytes.
    pub const MAX_BYTES: usize = 4 << 20;

    /// The SHA-256 of its text, in 64 small hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Its tokens, in the order of the file.
    pub fn tokens(&self) -> &[CredentialToken] {
        &self.tokens
    }

    /// Its users, in the order of the file.
    pub fn users(&self) -> &[CredentialUser] {
        &self.users
    }

    /// The token of a secret.
    pub(in crate::guard) fn token(
        &self,
        secret: SecretHash,
        now_ms: i64,
    ) -> Result<&CredentialToken, BadToken> {
        let place = self.by_secret.get(&secret);
        let token = place.and_then(|place| self.tokens.get(*place));
        let token = token.filter(|token| bool::from(token.secret.0.ct_eq(&secret.0)));
        match token {
            None => Err(BadToken::Unknown),
            Some(token) if token.is_expired(now_ms) => {
                Err(BadToken::Expired(Arc::clone(&token.accessor)))
            }
            Some(token) => Ok(token),
        }
    }

    pub(super) fn user(&self, name: &[u8]) -> Option<&CredentialUser> {
        let name = std::str::from_utf8(name).ok()?;
        self.users.get(*self.by_name.get(name)?)
    }

    /// A user in the place of one that does not exist: by a hash of that one's name that nobody else can make, so that it is always the
    /// same, and nobody can tell which. Hashes of passwords may cost more or less, and of one name some user's cost is all there is to
    /// be seen.
    pub(super) fn stand_in(&self, name: SecretHash) -> Option<&CredentialUser> {
        let number = u64::from_le_bytes(*name.0.first_chunk()?);
        let count = u64::try_from(self.users.len()).ok()?;
        let place = number.checked_rem(count)?;
        self.users.get(usize::try_from(place).ok()?)
    }

    /// The next time at which a token ends.
    pub(in crate::guard) fn next_expiry(&self, now_ms: i64) -> Option<i64> {
        let ends = self.tokens.iter().filter_map(|token| token.expires);
        ends.filter(|end| *end > now_ms).min()
    }
}

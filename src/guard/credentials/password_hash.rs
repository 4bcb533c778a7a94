//! `PasswordHash`: an argon2id hash of a password.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Argon2, Params, PasswordHasher as _, PasswordVerifier as _};

/// The most memory that verifying one may take, in KiB, and the most passes over it: it must not be a way to stop a gateway.
const MOST_MEMORY: u32 = 256 << 10;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

/// An argon2id hash of a password, with its salt and its cost, as a PHC string. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PasswordHash(Arc<str>);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// The longest password, in bytes.
    pub const LONGEST: usize = 1024;

    /// Hashes a password, at the cost that argon2's authors and OWASP recommend: 19 MiB of memory, two passes.
    ///
    /// # Errors
    ///
    /// Where the machine has no random bytes.
    pub fn make(password: &[u8]) -> Result<Self, String> {
        let hash = Argon2::default().hash_password(password);
        let hash: phc::PasswordHash = hash.map_err(|error| error.to_string())?;
        Ok(Self(hash.to_string().into()))
    }

    /// Takes a PHC string.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        // The parser's own message might repeat a part of it.
        let wrong = || "not the hash of a password: kubekv token password makes one".to_owned();
        let hash = phc::PasswordHash::new(text).map_err(|_| wrong())?;
        if hash.algorithm.as_str() != "argon2id" {
            return Err("not a hash of argon2id".to_owned());
        }
        let params = Params::try_from(&hash).map_err(|_| wrong())?;
        if params.m_cost() > MOST_MEMORY
            || params.t_cost() > MOST_PASSES
            || params.p_cost() > MOST_LANES
        {
            return Err(format!(
                "verifying it would cost more than m={MOST_MEMORY}, t={MOST_PASSES}, p={MOST_LANES}"
            ));
        }
        if hash.salt.is_none() || hash.hash.is_none() {
            return Err(wrong());
        }
        Ok(Self(text.into()))
    }

    /// Whether it is that of this password. It takes long, on purpose.
    pub fn is_of(&self, password: &[u8]) -> bool {
        phc::PasswordHash::new(&self.0)
            .is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
    }

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_of_its_password_alone() {
        let hash = PasswordHash::make(b"secret").unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let again = PasswordHash::parse(hash.as_str()).unwrap();
        assert!(again.is_of(b"secret"));
        assert!(!again.is_of(b"Secret") && !again.is_of(b""));
        assert_ne!(PasswordHash::make(b"secret").unwrap(), hash, "salted");
    }

    #[test]
    fn what_is_no_hash_of_argon2id_or_costs_too_much_is_refused_without_being_shown() {
        let good =
            "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        PasswordHash::parse(good).unwrap();
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("argon2id", "scrypt"),
            ("m=64", "m=9999999"),
            ("t=1", "t=99"),
            ("p=1", "p=17"),
            ("$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", ""),
            ("$argon2id", "hunter2"),
        ] {
            let bad = good.replace(from, to);
            let why = PasswordHash::parse(&bad).unwrap_err();
            assert!(
                !why.contains("c2FsdHNhbHQ") && !why.contains("hunter2"),
                "{why}"
            );
        }
    }
}

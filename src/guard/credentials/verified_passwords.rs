//! `VerifiedPasswords`: the passwords that were verified, so that each is verified once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use ring::hmac;
use ring::rand::SystemRandom;

use super::password_hash::PasswordHash;
use super::table::CredentialTable;
use crate::model::SecretHash;

/// The most that are remembered; beyond it all are forgotten, and verified again.
const MOST: usize = 16_384;

/// Users and passwords that were verified, by a hash that only this process can make: no password is kept.
///
/// Each is remembered with the hash of the file by which it was verified. Where the file has another one now it is void.
#[derive(Debug)]
pub(in crate::guard) struct VerifiedPasswords {
    key: hmac::Key,
    known: RwLock<HashMap<SecretHash, (Arc<str>, PasswordHash)>>,
}

impl VerifiedPasswords {
    /// Fails where the machine has no random bytes.
    pub(super) fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| "this machine has no random bytes".to_owned())?;
        Ok(Self {
            key,
            known: RwLock::default(),
        })
    }

    /// What a user and a password are remembered by.
    pub(in crate::guard) fn hash(&self, user: &[u8], password: &[u8]) -> SecretHash {
        let mut context = hmac::Context::with_key(&self.key);
        // The length keeps `ab` and `c` apart from `a` and `bc`.
        context.update(&user.len().to_le_bytes());
        context.update(user);
        context.update(password);
        let mut hash = SecretHash::NONE;
        hash.0.copy_from_slice(context.sign().as_ref());
        hash
    }

    /// The user, and by what it was verified.
    pub(super) fn get(&self, secret: SecretHash) -> Option<(Arc<str>, PasswordHash)> {
        self.known.read().get(&secret).cloned()
    }

    pub(super) fn add(&self, secret: SecretHash, user: Arc<str>, by: PasswordHash) {
        let mut known = self.known.write();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(secret, (user, by));
    }

    /// Forgets what is void by this table.
    pub(in crate::guard) fn retain(&self, table: &CredentialTable) {
        self.known.write().retain(|_, (name, by)| {
            let user = table.user(name.as_bytes());
            user.is_some_and(|user| user.password == *by)
        });
    }
}

//! `ShownLogins`: the secrets that the requests of a connection have shown, so that each login is recorded once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::SecretHash;

/// The most that a connection remembers: a proxy's may have many clients. Beyond it the oldest is forgotten, and recorded again.
const MOST: usize = 64;

/// The secrets that the requests of one connection have shown, by their hashes. Cheap to clone: all clones are one.
#[derive(Clone, Default)]
pub struct ShownLogins(Arc<Mutex<VecDeque<SecretHash>>>);

impl ShownLogins {
    /// Whether this connection shows a secret for the first time.
    pub(in crate::face) fn is_first(&self, secret: SecretHash) -> bool {
        let mut shown = self.0.lock();
        if shown.contains(&secret) {
            return false;
        }
        if shown.len() == MOST {
            shown.pop_front();
        }
        shown.push_back(secret);
        true
    }
}

impl PartialEq for ShownLogins {
    /// Whether the same was shown.
    fn eq(&self, other: &Self) -> bool {
        let shown = self.0.lock().clone();
        shown == *other.0.lock()
    }
}

impl Eq for ShownLogins {}

impl fmt::Debug for ShownLogins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownLogins")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_is_new_once_and_they_are_bounded() {
        let shown = ShownLogins::default();
        let secret = |number| SecretHash([number; 32]);
        assert!(shown.is_first(secret(0)));
        assert!(!shown.is_first(secret(0)));
        for number in 1..=64 {
            assert!(shown.is_first(secret(number)));
        }
        assert_eq!(shown.0.lock().len(), MOST);
        assert!(shown.is_first(secret(0)), "it was forgotten");
    }
}

//! `HeldToken`: a token as it came, held by the request that shows it and by nobody else.

use std::fmt;
use std::sync::{Arc, Weak};

/// A token as it came. It is in memory as long as a request that shows it is answered or waits; what is remembered longer is a hash.
#[derive(Clone)]
pub struct HeldToken(Arc<[u8]>);

/// A token that is there as long as a request holds it.
#[derive(Clone)]
pub struct WeakToken(Weak<[u8]>);

impl HeldToken {
    /// The token of a request.
    pub fn new(token: &[u8]) -> Self {
        Self(token.into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The token, as long as a request holds it.
    pub fn downgrade(&self) -> WeakToken {
        WeakToken(Arc::downgrade(&self.0))
    }
}

impl WeakToken {
    /// The token, if a request still holds it.
    pub fn upgrade(&self) -> Option<HeldToken> {
        self.0.upgrade().map(HeldToken)
    }
}

impl PartialEq for HeldToken {
    /// Whether both are of one request.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for HeldToken {}

impl fmt::Debug for HeldToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldToken")
    }
}

impl fmt::Debug for WeakToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakToken")
    }
}

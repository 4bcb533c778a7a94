//! `Pair`: a certificate and its key.

use std::fmt;

/// A certificate and its key, in PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
    /// Seconds since 1970.
    pub(super) until: u64,
}

impl fmt::Debug for Pair {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("certificate", &self.certificate)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

//! Target: a server's face as clients reach it, with or without certificates.

use std::net::SocketAddr;
use std::sync::Arc;

use super::certificates::Certificates;

/// A face, and the certificates that its clients show.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// `None` where clients are told apart by their addresses.
    pub(super) certificates: Option<Arc<Certificates>>,
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        let certificates = None;
        Self {
            address,
            certificates,
        }
    }
}

impl Target {
    /// The same, whose clients show certificates.
    pub(crate) fn shown(self, certificates: Certificates) -> Self {
        let certificates = Some(Arc::new(certificates));
        Self {
            certificates,
            ..self
        }
    }
}

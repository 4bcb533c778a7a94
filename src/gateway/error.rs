//! Errors of a gateway that did not start, or that had to end.

use std::io;
use std::net::SocketAddr;

use crate::store::StoreError;

/// One line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("{port}: cannot listen on {address}: {error}")]
    Listen {
        /// The face, or `admin`.
        port: &'static str,
        /// The address.
        address: SocketAddr,
        /// The reason.
        error: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway had to end.
    #[error("{0}")]
    Fatal(String),
}

impl Error {
    /// A bound listener failed.
    pub(super) fn listener(error: &io::Error) -> Self {
        Self::Fatal(format!("a listener has failed: {error}"))
    }
}

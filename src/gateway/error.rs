//! Why a gateway did not start, or did not end as it was told.

use std::io;
use std::net::SocketAddr;

use crate::store::StoreError;

/// One line for the person who started the gateway.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address cannot be listened on.
    #[error("{port}: cannot listen on {address}: {error}")]
    Listen {
        /// The face, or `admin`.
        port: &'static str,
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The gateway had to end.
    #[error("{0}")]
    Fatal(String),
}

//! The error of a measurement of clients that wait or rest.

use super::fill::FillError;
use crate::bench::client::Failure;
use crate::bench::measure::NoProcess;

/// Why clients that wait or rest were not measured.
#[derive(Debug, thiserror::Error)]
pub enum ClientsError {
    /// The keys that they need could not be written.
    #[error(transparent)]
    Fill(#[from] FillError),
    /// The runtime could not be started.
    #[error("cannot start the clients: {0}")]
    Runtime(#[from] std::io::Error),
    /// A watcher could not begin.
    #[error("a watcher could not begin: {0}")]
    Watcher(Failure),
    /// There is no such process.
    #[error(transparent)]
    NoServer(#[from] NoProcess),
}

//! Reasons for which the server ends a connection.

use std::io;

use crate::face::server::{HungUp, LeadershipLost};

/// Why a connection ended before its client ended it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error(transparent)]
    HungUp(#[from] HungUp),
    #[error("the headers of the request did not come in time")]
    LateHead,
    #[error("a request with a long head took too long")]
    LongHeld,
    #[error("the answer broke off: {0}")]
    Answer(axum::Error),
    #[error(transparent)]
    LeadershipLost(#[from] LeadershipLost),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::HungUp(error.into())
    }
}

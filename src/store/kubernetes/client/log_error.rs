//! Errors of the API server as errors of the log: what a gateway does when it cannot read.

use std::time::Duration;

use super::error::{ApiError, INSTALL};
use crate::store::shared::log::LogError;

/// How long to wait if the API server is too busy and does not say for how long.
const BUSY_PAUSE: Duration = Duration::from_secs(1);

/// Why the log cannot be read. A 410 says that the resourceVersion was compacted: a full list is needed.
pub(crate) fn log_error(error: &ApiError) -> LogError {
    match error.status() {
        Some(410) => LogError::Gone,
        Some(404) => LogError::Misconfigured(format!(
            "this cluster has no entries.kubekv.io/v1: {INSTALL}"
        )),
        Some(401 | 403) => LogError::Misconfigured(error.to_string()),
        Some(429) => LogError::Busy(error.to_string(), error.retry_after().unwrap_or(BUSY_PAUSE)),
        _ => match error.retry_after() {
            Some(after) => LogError::Busy(error.to_string(), after),
            None => LogError::Unavailable(error.to_string()),
        },
    }
}

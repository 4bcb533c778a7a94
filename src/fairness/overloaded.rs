//! Overload errors: the limit that refused a request, and when to try again.

use std::time::Duration;

use super::budget_name::BudgetName;

/// The limit that refused a request. Nothing of the request was done, so that a client may repeat it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Overloaded {
    /// As many requests wait for their turn as may, of all clients together.
    #[error("kubekv is overloaded: {limit} requests wait for their turn, try again later")]
    Queue {
        /// How many may wait.
        limit: usize,
    },
    /// As many requests of this client wait for their turn as may.
    #[error(
        "too many requests of this client: {limit} of them wait for their turn, try again later"
    )]
    QueueOfClient {
        /// How many of one client may wait.
        limit: usize,
    },
    /// The request waited as long as a request may, and its turn did not come.
    #[error("kubekv is overloaded: the request waited {seconds} s for its turn, try again later")]
    Wait {
        /// How long a request may wait.
        seconds: u64,
    },
    /// The budget has too few bytes left for all clients.
    #[error(
        "kubekv is overloaded: {budget} take nearly all of their {limit} bytes of memory, try again later"
    )]
    Bytes {
        /// The budget.
        budget: BudgetName,
        /// Its bytes.
        limit: usize,
    },
    /// The client has, or would have, more bytes of the budget than one client may.
    #[error(
        "{budget} of this client would take more than the {limit} bytes of memory that one client may use: ask for less at a time, or try again later"
    )]
    BytesOfClient {
        /// The budget.
        budget: BudgetName,
        /// The bytes that one client may have.
        limit: usize,
    },
    /// The gateway stops.
    #[error("kubekv is stopping")]
    Stopping,
}

impl Overloaded {
    /// How long a client does well to wait before it tries again: what `Retry-After` says.
    pub fn retry_after(&self) -> Duration {
        Duration::from_secs(match self {
            Self::Queue { .. } | Self::QueueOfClient { .. } | Self::Stopping => 1,
            // These take as long as slow clients need to read or send.
            Self::Wait { .. } | Self::Bytes { .. } | Self::BytesOfClient { .. } => 2,
        })
    }

    /// The label of metrics.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Queue { .. } => "queue",
            Self::QueueOfClient { .. } => "queue_of_client",
            Self::Wait { .. } => "wait",
            Self::Bytes { budget, .. } => budget.label(),
            Self::BytesOfClient { budget, .. } => match budget {
                BudgetName::Bodies => "bodies_of_client",
                BudgetName::Answers => "answers_of_client",
                BudgetName::WatchQueues => "watch_queues_of_client",
            },
            Self::Stopping => "stopping",
        }
    }
}

//! Budget names: what the bytes of a budget are, in errors and metrics.

use std::fmt;

/// What the bytes of a budget are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BudgetName {
    /// Request bodies that are being read or decided on.
    Bodies,
    /// Answers that are being made, or that their client has not taken yet.
    Answers,
    /// Encoded events that wait for watchers which read slowly.
    WatchQueues,
}

impl BudgetName {
    /// The label of metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Bodies => "bodies",
            Self::Answers => "answers",
            Self::WatchQueues => "watch_queues",
        }
    }
}

impl fmt::Display for BudgetName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bodies => "request bodies",
            Self::Answers => "answers",
            Self::WatchQueues => "events for watches that read slowly",
        })
    }
}

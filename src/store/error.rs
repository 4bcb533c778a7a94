//! The errors of opening a store and of committing to it.

/// Why a store could not be opened: one line for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// Why a proposal was not committed, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold, or, on a shared store, a new term of leadership came first; nothing was written, and
    /// whoever proposed it decides again.
    #[error("an entry changed meanwhile")]
    Conflict,
    /// The store has no space left, or a quota of its backend forbids the write; nothing was written, and reads go on.
    #[error("{0}")]
    Full(String),
    /// The proposal is larger than the store accepts at once; nothing was written.
    #[error("{0}")]
    TooLarge(String),
    /// The store cannot be reached or is closing; nothing was written.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// The outcome is unknown; the proposal must not be repeated blindly.
    #[error("outcome unknown: {0}")]
    Unknown(String),
}

impl CommitError {
    /// Whether whoever makes changes one after another must stop here: this one was not made, or perhaps not, although a
    /// proposal like it could have been. What is refused for its size, or for want of space, stops no other.
    pub fn stops_those_behind(&self) -> bool {
        match self {
            Self::Conflict | Self::Unavailable(_) | Self::Unknown(_) => true,
            Self::Full(_) | Self::TooLarge(_) => false,
        }
    }
}

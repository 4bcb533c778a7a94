//! The failure of one operation.

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server refused, in its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// A key that was to be read does not exist.
    #[error("no such key")]
    NoSuchKey,
    /// The connection was lost, or could not be opened.
    #[error("connection: {0}")]
    Connection(String),
    /// No answer within the time allowed.
    #[error("timeout")]
    Timeout,
    /// No answer when the run had ended and the time for late ones was over.
    #[error("no answer by the end of the run")]
    Unanswered,
    /// It was due, and no connection was free until the end.
    #[error("due and never sent: every connection waited for an answer")]
    NeverSent,
    /// The answer is not one of this protocol.
    #[error("bad answer: {0}")]
    BadAnswer(String),
    /// The protocol has no such operation.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // The kind, not the whole text: failures are counted by their text.
        Self::Connection(error.kind().to_string())
    }
}

impl Failure {
    /// Whether the connection cannot be used any more.
    pub fn ends_connection(&self) -> bool {
        match self {
            Self::Refused(_) | Self::NoSuchKey | Self::Unsupported(_) | Self::NeverSent => false,
            Self::Connection(_) | Self::Timeout | Self::Unanswered | Self::BadAnswer(_) => true,
        }
    }
}

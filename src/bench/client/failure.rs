//! The failure of one operation.

/// The longest refusal that is quoted, in characters.
const MOST_QUOTED: usize = 120;

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The server refused, in its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// The same, for now: there is no leader, it is overloaded, or what it asked did not answer in time.
    #[error("refused: {0}")]
    Unavailable(String),
    /// The connection was lost, or could not be opened.
    #[error("connection: {0}")]
    Connection(String),
    /// No answer within the time allowed.
    #[error("timeout")]
    Timeout,
    /// The answer is not one of this protocol.
    #[error("bad answer: {0}")]
    BadAnswer(String),
    /// The protocol has no such operation.
    #[error("{0}")]
    Unsupported(&'static str),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Connection(io_text(&error))
    }
}

/// An error of a connection as text: its kind, since failures are counted by their text. Of TLS the kind says nothing.
pub(in crate::bench) fn io_text(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::InvalidData {
        return error.to_string();
    }
    error.kind().to_string()
}

impl Failure {
    /// A read of a key, or of a prefix of keys, that does not exist: a measurement of nothing.
    pub fn no_such_key() -> Self {
        Self::Refused("no such key".to_owned())
    }

    /// A refusal in the server's own words, cut and without the numbers: failures are counted by their text, and shown in
    /// terminals.
    pub fn refused(label: &str, words: &[u8]) -> Self {
        Self::Refused(quoted(label, words))
    }

    /// The same of a refusal for now.
    pub fn unavailable(label: &str, words: &[u8]) -> Self {
        Self::Unavailable(quoted(label, words))
    }

    /// Whether the same request may succeed a while later.
    pub fn can_pass(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Connection(_) | Self::Timeout => true,
            Self::Refused(_) | Self::BadAnswer(_) | Self::Unsupported(_) => false,
        }
    }

    /// Whether the connection cannot be used any more.
    pub fn ends_connection(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Unavailable(_) | Self::Unsupported(_) => false,
            Self::Connection(_) | Self::Timeout | Self::BadAnswer(_) => true,
        }
    }
}

fn quoted(label: &str, words: &[u8]) -> String {
    let quoted: String = String::from_utf8_lossy(words)
        .trim()
        .chars()
        .take(MOST_QUOTED)
        .map(|letter| if letter.is_ascii_digit() { '#' } else { letter })
        .collect();
    format!("{label}{}", quoted.escape_debug())
}

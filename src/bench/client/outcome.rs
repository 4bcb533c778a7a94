//! The outcome of one operation.

/// The outcome of an operation that the server answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The entries that the answer holds, where the client counts them.
    pub entries: u64,
    /// The bytes of the answer.
    pub bytes: u64,
    /// Whether a compare-and-swap lost against another write.
    pub conflict: bool,
}

impl Outcome {
    /// An answer of this many bytes.
    pub fn of_bytes(bytes: usize) -> Self {
        Self::of_length(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// An answer of this length, in bytes.
    pub fn of_length(bytes: u64) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }
}

//! Progress of an import, for people who wait.

/// A step of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportProgress {
    /// The source was read.
    Read {
        /// The number of entries.
        entries: usize,
        /// The total length of the values, in bytes.
        bytes: u64,
    },
    /// The import waits for the leadership of the target, which another gateway has or had a moment ago.
    WaitingForLeadership {
        /// The name of that gateway.
        name: String,
    },
    /// Entries are being written.
    Writing {
        /// The number of entries written.
        done: usize,
        /// The number of entries to write.
        of: usize,
        /// The bytes of values written.
        bytes: u64,
    },
    /// The source has changed since it was read.
    SourceChanged {
        /// The number of entries that differ.
        entries: usize,
    },
    /// The target is read back.
    Verifying,
}

/// Receives the steps of an import.
pub type OnProgress<'a> = &'a (dyn Fn(ImportProgress) + Send + Sync);

//! The options of an import.

/// How entries are moved.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The prefix of the keys of a file that are moved.
    pub prefix: Vec<u8>,
    /// The prefix that keys get in the target instead.
    pub dest_prefix: Option<Vec<u8>>,
    /// The target may have entries; those of the source overwrite them.
    pub into_existing: bool,
    /// Keys that the target has and the source does not are deleted, if they begin with the prefix in the target.
    pub delete: bool,
    /// Versions are moved, too; else those of new entries begin at 0, and others count on.
    pub versions: bool,
}

impl ImportOptions {
    /// The prefix of keys in the target.
    pub(super) fn dest(&self) -> &[u8] {
        self.dest_prefix.as_ref().unwrap_or(&self.prefix)
    }
}

//! Own directories of a draft: what its writes make of the counts that it is decided on.

use std::collections::HashMap;

use crate::model::Key;
use crate::space::directories::{
    Directory, DirectoryTable, came, never_came, node_of, stays_without, went,
};
use crate::space::pending::PendingSnapshot;

/// The directories that a draft was asked about, and those that its writes change.
#[derive(Debug, Default)]
pub(super) struct DraftDirectories {
    counts: HashMap<String, Directory>,
    /// Whether a key has an entry, as far as that is counted.
    entries: HashMap<Key, bool>,
    /// Which were asked about, as they were decided on.
    pub(super) asked: HashMap<String, Directory>,
}

/// What a draft is decided on, with what is counted of its writes.
struct DraftTable<'a> {
    base: PendingSnapshot<'a>,
    own: &'a mut DraftDirectories,
}

impl DirectoryTable for DraftTable<'_> {
    fn has_entry(&self, key: &Key) -> bool {
        let own = self.own.entries.get(key).copied();
        own.unwrap_or_else(|| self.base.get(key).is_some())
    }

    fn directory(&self, path: &str) -> Directory {
        let own = self.own.counts.get(path).copied();
        own.unwrap_or_else(|| self.base.directory(path))
    }

    fn set_directory(&mut self, path: &str, directory: Directory) {
        self.own.counts.insert(path.to_owned(), directory);
    }

    fn forget_directory(&mut self, path: &str) {
        self.set_directory(path, Directory::default());
    }
}

impl DraftDirectories {
    /// Counts a write. What a draft writes and removes again never was.
    pub(super) fn note(
        &mut self,
        base: PendingSnapshot<'_>,
        key: &Key,
        is_there: bool,
        revision: u64,
    ) {
        let mut table = DraftTable { base, own: self };
        if table.has_entry(key) == is_there {
            return;
        }
        table.own.entries.insert(key.clone(), is_there);
        let Some(node) = node_of(key) else { return };
        if stays_without(&table, key, node) {
            return;
        }
        if is_there {
            came(&mut table, node, revision);
        } else if base.get(key).is_some() {
            went(&mut table, node, revision);
        } else {
            never_came(&mut table, node);
        }
    }

    /// The counts of a node, with what is counted of the draft's writes.
    pub(super) fn ask(&mut self, base: PendingSnapshot<'_>, path: &str) -> Directory {
        let asked = || base.directory(path);
        self.asked.entry(path.to_owned()).or_insert_with(asked);
        DraftTable { base, own: self }.directory(path)
    }
}

//! Directories of a draft: the children of a node as they are decided on, with the draft's own writes counted.

use std::collections::BTreeSet;

use super::own_directories::DraftDirectories;
use super::{Draft, PENDING, Written};
use crate::model::{Key, Record};
use crate::space::directories::{Directory, ORDINAL, node_of, parent};
use crate::space::read_write_set::Effect;

/// What begins the name of a directory's counter among the locks.
const COUNTERS: &str = "directory/";

impl Draft<'_> {
    /// The counts of the node at this path, commits that are on their way and this draft's writes among them:
    /// [`Directory::ever`] is the number of its next child. Children are counted whether they can be seen or not.
    ///
    /// Changes that ask this of one node are decided one after another, and no others wait for them: on a store that accepts
    /// in order nobody waits at all.
    pub fn directory(&mut self, path: &str) -> Directory {
        let base = self.base;
        // Most drafts only write what was there; unless a lock asks what they rest on, there is nothing to count.
        let counts = |own: &Written| own.existed != own.shown.is_some();
        if self.reads.is_none() && self.directories.is_none() && !self.written.values().any(counts)
        {
            return base.directory(path);
        }
        if self.directories.is_none() {
            let mut directories = DraftDirectories::default();
            for (key, own) in &self.written {
                directories.note(base, key, own.shown.is_some(), PENDING);
            }
            self.directories = Some(Box::new(directories));
        }
        let own = self.directories.get_or_insert_default();
        own.ask(base, path)
    }

    /// The number of the next child of the node at this path, which is noted in the child's record: no child that is there
    /// has that number or a higher one, whatever store the keyspace is moved to.
    pub fn number_child(&mut self, parent: &str, record: &mut Record) -> u64 {
        let number = self.directory(parent).ever;
        let other = &mut record.attrs.other;
        other.insert(ORDINAL.to_owned(), number.into());
        number
    }

    /// The counters that are locked as if they were written: those that were asked about, and of a wide change all that it
    /// changes, because later decisions do not see its writes.
    pub(super) fn counters(&self, is_wide: bool) -> Vec<(Key, Effect)> {
        let asked = self.directories.iter().flat_map(|own| own.asked.keys());
        let mut paths: BTreeSet<&str> = asked.map(String::as_str).collect();
        if is_wide {
            for (key, own) in &self.written {
                let mut path = node_of(key).unwrap_or_default();
                let comes_or_goes = own.existed != own.shown.is_some();
                while comes_or_goes && !path.is_empty() && paths.insert(parent(path)) {
                    path = parent(path);
                }
            }
        }
        let counter = |path: &&str| (Key::system(format!("{COUNTERS}{path}")), Effect::Changes);
        paths.iter().map(counter).collect()
    }

    /// The directories that were asked about, as they were decided on.
    pub(super) fn asked_directories(&mut self) -> Vec<(String, Directory)> {
        let own = self.directories.as_mut();
        own.map_or_else(Vec::new, |own| {
            std::mem::take(&mut own.asked).into_iter().collect()
        })
    }
}

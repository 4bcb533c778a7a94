//! Directories of a draft: the children of a node as they are decided on, with the draft's own writes counted.

use std::collections::BTreeSet;

use super::own_directories::DraftDirectories;
use super::{Draft, PENDING, Written};
use crate::model::{Key, KeyRange, Record, Verb};
use crate::space::directories::{Directory, ORDINAL, node_of, parent};
use crate::space::lookup::Lookup as _;
use crate::space::read_write_set::Effect;
use crate::space::tree;

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

    /// The counts of the node at this path that its caller may know: where not all beneath it may be listed, those children alone
    /// that may be, as a view counts them.
    pub fn shown_directory(&mut self, path: &str) -> Directory {
        if !self.visibility().is_part() {
            return self.directory(path);
        }
        let beneath = beneath(path);
        if self.allows_all(Verb::List, &beneath) {
            return self.directory(path);
        }
        let children = tree::child_names(self, path).len();
        let children = u64::try_from(children).unwrap_or(u64::MAX);
        let (KeyRange::Exact(prefix) | KeyRange::Prefix(prefix)) = &beneath;
        let shown = self.scan(prefix).map(|(_, entry)| entry.index());
        Directory {
            children,
            ever: children,
            changed: shown.max().unwrap_or_default(),
        }
    }

    /// Forbids the change unless everything beneath a node may be seen and created: the number of its next child, and with it the
    /// child's name, tells how many there ever were.
    pub fn asks_to_number_children(&self, path: &str) {
        if !self.is_bound() && !self.rights.is_audited {
            return;
        }
        let beneath = beneath(path);
        self.asks_for_all(&beneath);
        self.asks_of_all(Verb::Create, &beneath);
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

/// The keys beneath a node.
fn beneath(path: &str) -> KeyRange {
    KeyRange::Prefix(if path.is_empty() {
        Key::user("")
    } else {
        Key::user(format!("{path}/"))
    })
}

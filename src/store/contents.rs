//! The contents of a store, and the floors above which it must keep its history.

use std::sync::Arc;

use crate::model::{Commit, Entry, Key};

/// The contents of a store as of one revision.
#[derive(Debug, Default)]
pub struct StoreContents {
    /// The last revision; later commits continue from it.
    pub revision: u64,
    /// A random number, made when the store was created, so that another store's revisions are never mistaken for its own.
    pub identity: u64,
    /// Every entry, in any order.
    pub entries: Vec<(Key, Arc<Entry>)>,
    /// The commits kept, oldest first.
    pub history: Vec<Arc<Commit>>,
    /// Every commit after this revision is in `history`.
    pub history_floor: u64,
    /// Deleted keys without an entry, with the main revision of the deletion, in any order.
    pub deletions: Vec<(Key, u64)>,
    /// Every key deleted after this revision and not written since is in `deletions`, except as `gaps` say.
    pub deletions_floor: u64,
    /// The ranges of revisions in which commits were not observed, oldest first.
    pub gaps: Vec<Gap>,
    /// Clients may have been answered an index up to this one for a missing key, whenever the key was deleted.
    pub index_floor: u64,
    /// The last checkpoint of directories, where the store keeps them.
    pub directories: Option<DirectoryCheckpoint>,
}

/// What the keyspace counts of the children of each node of its tree, as of one revision. It follows from a checkpoint and
/// the commits after it, so a store keeps the one or the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryCheckpoint {
    /// The last commit that is counted.
    pub revision: u64,
    /// The nodes that have or had children.
    pub directories: Vec<DirectoryRecord>,
}

/// What makes a checkpoint of the one before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryChanges {
    /// The last commit that is counted.
    pub revision: u64,
    /// Whether these are all directories, rather than those that changed since the checkpoint before.
    pub whole: bool,
    /// By path, without counts where the node is gone or never had children.
    pub directories: Vec<(Arc<str>, Option<DirectoryRecord>)>,
}

impl DirectoryChanges {
    /// All directories of a checkpoint.
    pub fn whole(checkpoint: &DirectoryCheckpoint) -> Self {
        let records = checkpoint.directories.iter();
        Self {
            revision: checkpoint.revision,
            whole: true,
            directories: records
                .map(|record| (Arc::clone(&record.path), Some(record.clone())))
                .collect(),
        }
    }

    /// Adds what came after.
    pub fn extend(&mut self, later: Self) {
        if later.whole {
            *self = later;
        } else {
            self.revision = later.revision;
            // Of two that name the same path the later one counts.
            self.directories.extend(later.directories);
        }
    }
}

/// The counts of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryRecord {
    /// Its path; the root's is empty.
    pub path: Arc<str>,
    /// How many children it ever had.
    pub ever: u64,
    /// The revision at which one last came or went.
    pub changed: u64,
}

/// A range of revisions of which a store knows only the result: not the entries that were written and deleted within it,
/// nor when the deleted ones were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last revision before the gap.
    pub from: u64,
    /// The last revision in the gap.
    pub to: u64,
}

/// The revisions after which the keyspace still needs the past; a store may drop what is older, when it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionFloors {
    /// Commits after this revision are needed.
    pub history_floor: u64,
    /// Deletions after this revision are needed.
    pub deletions_floor: u64,
}

//! Free space on the store's disk, checked before each write: a write that fails half-way ends the process, while one that
//! is refused beforehand leaves reads working.
//!
//! A full disk must still take what empties it. So there is a reserve, and writes reach into it by what they need
//! ([`SpaceNeed`]): those that grow the keyspace not at all, rewrites to its half, and deletions, ends of sessions and the
//! gateway's own records to its last quarter. That quarter is for the table files and the journal that are still to be written.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::filesystem;
use crate::model::{Change, Commit, LeaseId, Realm};

/// The default reserve of free bytes.
///
/// Its last quarter is enough for the next journal and for moving three full ones to table files (8 MiB each). The bytes that one compaction may rewrite are reserved on top.
pub const DEFAULT_RESERVE_BYTES: u64 = 128 << 20;

/// What a commit needs of a disk that is almost full, from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SpaceNeed {
    /// It deletes entries, ends leases, releases locks, or writes records of the gateway's own.
    Frees,
    /// It rewrites entries with values that are no longer than before, as heartbeats do.
    Keeps,
    /// It adds entries or sessions, or makes values longer.
    Grows,
}

impl SpaceNeed {
    /// The highest need among the changes of a commit.
    pub(super) fn of(commit: &Commit) -> Self {
        let needs = commit.changes.iter().map(Self::of_change);
        needs.max().unwrap_or(Self::Frees)
    }

    fn of_change(change: &Change) -> Self {
        let Some(now) = &change.now else {
            return Self::Frees;
        };
        let is_own = change.key.realm() == Realm::System;
        let Some(before) = &change.before else {
            let is_session = LeaseId::is_record(&change.key);
            return if is_own && !is_session {
                Self::Frees
            } else {
                Self::Grows
            };
        };
        if is_own {
            return Self::Frees;
        }
        if now.value().len() > before.value().len() {
            Self::Grows
        } else if before.attrs().lock.is_some() && now.attrs().lock.is_none() {
            Self::Frees
        } else {
            Self::Keeps
        }
    }

    /// The part of a reserve that must stay free, in bytes.
    fn share(self, reserve: u64) -> u64 {
        match self {
            Self::Frees => reserve / 4,
            Self::Keeps => reserve / 2,
            Self::Grows => reserve,
        }
    }
}

/// The disk of a store, and what the log last said about it.
#[derive(Debug)]
pub(super) struct FreeSpace {
    path: Arc<Path>,
    reserve: u64,
    /// The least need that was refused, by the log's last line.
    refused: Option<SpaceNeed>,
}

/// The free bytes of a disk at one moment, for a group of writes.
#[derive(Debug)]
pub(super) struct SpaceLeft {
    path: Arc<Path>,
    reserve: u64,
    compaction: u64,
    free: u64,
}

impl FreeSpace {
    /// Checks the disk that `path` lies on; `reserve` is in bytes.
    pub(super) fn new(path: &Path, reserve: u64) -> Self {
        Self {
            path: Arc::from(path),
            reserve,
            refused: None,
        }
    }

    /// Examines the disk. `compaction` is the most bytes that a compaction could rewrite.
    pub(super) fn left(&mut self, compaction: u64) -> io::Result<SpaceLeft> {
        let free = filesystem::free_bytes(&self.path)?;
        self.report(free, compaction);
        Ok(SpaceLeft {
            path: Arc::clone(&self.path),
            reserve: self.reserve,
            compaction,
            free,
        })
    }

    /// Logs that the disk is full, or no more. Only the disk decides, not the size of a write, and there is space again
    /// only when there is an eighth more than needed: otherwise clients could write the log full.
    fn report(&mut self, free: u64, compaction: u64) {
        let needs = [SpaceNeed::Frees, SpaceNeed::Keeps, SpaceNeed::Grows];
        let refused = needs.into_iter().find(|need| {
            let needed = need.share(self.reserve).saturating_add(compaction);
            let was_refused = self.refused.is_some_and(|refused| refused <= *need);
            free < needed.saturating_add(if was_refused { needed / 8 } else { 0 })
        });
        if refused == self.refused {
            return;
        }
        self.refused = refused;
        let directory = self.path.display();
        let needed = self.reserve.saturating_add(compaction);
        match refused {
            Some(SpaceNeed::Grows) => {
                tracing::error!(%directory, free, needed, "too little free space: writes that need more of it are refused; reads, deletes, heartbeats and ends of sessions go on; free space on this disk");
            }
            Some(SpaceNeed::Keeps) => {
                tracing::error!(%directory, free, needed, "half of the reserve is used: every write but deletes and ends of sessions is refused; reads go on; free space on this disk");
            }
            Some(SpaceNeed::Frees) => {
                tracing::error!(%directory, free, needed, "the reserve is used up: every write is refused, deletes too; reads go on; free space on this disk");
            }
            None => {
                tracing::info!(%directory, free, needed, "enough free space again: writes are accepted");
            }
        }
    }
}

impl SpaceLeft {
    /// Whether a write of this many bytes fits, whatever it needs.
    pub(super) fn fits(&self, bytes: u64) -> bool {
        self.free >= self.needed(SpaceNeed::Grows, bytes)
    }

    /// Takes the space for a write; an error says how much is missing.
    pub(super) fn take(&mut self, need: SpaceNeed, bytes: u64) -> Result<(), String> {
        let needed = self.needed(need, bytes);
        if self.free < needed {
            return Err(format!(
                "no space left: {} has {} MiB free and needs {} MiB",
                self.path.display(),
                self.free >> 20,
                needed.div_ceil(1 << 20)
            ));
        }
        self.free = self.free.saturating_sub(bytes.saturating_mul(2));
        Ok(())
    }

    /// Bytes are written twice: to the journal, later to a table file.
    fn needed(&self, need: SpaceNeed, bytes: u64) -> u64 {
        need.share(self.reserve)
            .saturating_add(self.compaction)
            .saturating_add(bytes.saturating_mul(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Attrs, Cause, Entry, Key, Record, Revision};

    fn record(length: usize, lock: Option<LeaseId>) -> Record {
        Record {
            value: vec![b'v'; length].into(),
            attrs: Attrs {
                lock,
                ..Attrs::default()
            },
        }
    }

    fn need(key: Key, before: Option<Record>, now: Option<Record>) -> SpaceNeed {
        let modified = Revision::new(1, 0);
        let entry = |record| Arc::new(Entry { record, modified });
        // A deletion beside it needs no more.
        let deletion = Change {
            key: Key::user("z"),
            now: None,
            before: None,
        };
        let change = Change {
            key,
            now: now.map(entry),
            before: before.map(entry),
        };
        SpaceNeed::of(&Commit {
            revision: 1,
            cause: Cause::Set,
            subject: None,
            changes: vec![deletion, change],
        })
    }

    #[test]
    fn writes_reach_into_the_reserve_by_what_they_do_to_the_keyspace() {
        let (id, key) = (LeaseId(7), || Key::user("k"));
        let plain = |length| Some(record(length, None));
        assert_eq!(need(key(), None, plain(0)), SpaceNeed::Grows, "a new entry");
        assert_eq!(need(key(), plain(3), plain(4)), SpaceNeed::Grows);
        assert_eq!(need(key(), plain(3), plain(3)), SpaceNeed::Keeps);
        assert_eq!(need(key(), plain(3), None), SpaceNeed::Frees);
        let locked = Some(record(3, Some(id)));
        assert_eq!(need(key(), plain(3), locked.clone()), SpaceNeed::Keeps);
        assert_eq!(need(key(), locked.clone(), plain(3)), SpaceNeed::Frees);
        assert_eq!(need(key(), locked, plain(4)), SpaceNeed::Grows);
        let session = id.record_key();
        assert_eq!(need(session.clone(), None, plain(9)), SpaceNeed::Grows);
        assert_eq!(need(session.clone(), plain(9), None), SpaceNeed::Frees);
        assert_eq!(need(session, plain(9), plain(10)), SpaceNeed::Frees);
        let delay = Key::system("delay/k");
        assert_eq!(need(delay, None, plain(9)), SpaceNeed::Frees);
    }

    fn left(free: u64) -> SpaceLeft {
        SpaceLeft {
            path: Arc::from(Path::new("/data")),
            reserve: 128 << 20,
            compaction: 10 << 20,
            free,
        }
    }

    #[test]
    fn each_need_is_refused_below_its_own_part_of_the_reserve() {
        for (need, mebibytes) in [
            (SpaceNeed::Grows, 138),
            (SpaceNeed::Keeps, 74),
            (SpaceNeed::Frees, 42),
        ] {
            left(mebibytes << 20).take(need, 0).unwrap();
            let line = left((mebibytes << 20) - 1).take(need, 0).unwrap_err();
            let expected = format!(
                "no space left: /data has {} MiB free and needs {mebibytes} MiB",
                mebibytes - 1
            );
            assert_eq!(line, expected);
        }
    }

    #[test]
    fn writes_of_a_group_share_the_space() {
        let mut left = left(148 << 20);
        assert!(left.fits(5 << 20));
        assert!(!left.fits((5 << 20) + 1));
        left.take(SpaceNeed::Grows, 4 << 20).unwrap();
        left.take(SpaceNeed::Grows, 2 << 20).unwrap_err();
        left.take(SpaceNeed::Frees, 2 << 20).unwrap();
        left.take(SpaceNeed::Grows, 0).unwrap_err();
    }
}

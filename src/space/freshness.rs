//! Freshness: whether what was made from some ranges would be the same if it were made now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::range_index::{CHANGES_AT_ONCE, RangeIndex};
use crate::model::{Commit, Key, KeyRange};

/// Everything that was made from some ranges and is cached while they do not change.
#[derive(Debug, Default)]
pub(crate) struct Freshness {
    followed: Mutex<Followed>,
}

#[derive(Debug, Default)]
struct Followed {
    items: RangeIndex<AtomicBool>,
    /// The last commit whose changes were marked, or are being marked.
    passed: u64,
}

/// Whether some ranges are as they were when this was made: an encoded list may be sent again until they are not.
///
/// A range is stale *before* a view shows its change. So a client that has seen a change, or got the answer of its write,
/// never finds something fresh that was made without it.
#[derive(Debug)]
pub struct Fresh {
    of: Arc<Freshness>,
    stale: Arc<AtomicBool>,
    id: u64,
    ranges: Vec<KeyRange>,
}

impl Freshness {
    /// Follows ranges from now on, and reads the view that something is to be made from.
    pub(crate) fn follow<V>(
        self: &Arc<Self>,
        ranges: Vec<KeyRange>,
        read: impl FnOnce() -> V,
        revision: impl FnOnce(&V) -> u64,
    ) -> (V, Fresh) {
        let stale = Arc::new(AtomicBool::new(false));
        let mut followed = self.followed.lock();
        let id = followed.items.add(&ranges, &stale);
        let passed = followed.passed;
        drop(followed);
        let view = read();
        // A commit may have passed here before the ranges were followed, and not be in the view yet.
        stale.fetch_or(revision(&view) < passed, Ordering::AcqRel);
        let fresh = Fresh {
            of: Arc::clone(self),
            stale,
            id,
            ranges,
        };
        (view, fresh)
    }

    /// Marks stale what these commits change; of one commit the keys may be given, in order.
    pub(crate) fn pass(&self, commits: &[Arc<Commit>], keys: Option<&[Key]>) {
        let mut followed = self.followed.lock();
        for commit in commits {
            // Before the lock is lent to others: what is followed from then on finds that its view is older.
            followed.passed = commit.revision;
            if let Some(mut pass) = followed.items.begin_ordered(keys) {
                let mut mark = |stale: &AtomicBool, _: &Key| {
                    stale.store(true, Ordering::Release);
                    true
                };
                while followed.items.match_next(&mut pass, &mut mark) {
                    MutexGuard::bump(&mut followed);
                }
                continue;
            }
            let pass = followed.items.begin();
            for part in commit.changes.chunks(CHANGES_AT_ONCE) {
                followed.items.for_each_match(pass, part, |stale, _| {
                    stale.store(true, Ordering::Release);
                    true
                });
                if part.len() == CHANGES_AT_ONCE {
                    MutexGuard::bump(&mut followed);
                }
            }
        }
    }
}

impl Fresh {
    /// Whether nothing in the ranges has changed since.
    pub fn is_fresh(&self) -> bool {
        !self.stale.load(Ordering::Acquire)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.of.followed.lock().items.remove(self.id, &self.ranges);
    }
}

//! Blocking query: a read that waits until the index of what it reads rises, its time is up, or the gateway stops.
//!
//! A poll that a commit wakes knows from the commit that its index rose. So thousands of polls that one write wakes cost a
//! comparison each; the list that they then read is made once.

use std::sync::Arc;
use std::time::Duration;

use super::face::Face;
use super::query_options::QueryOptions;
use super::reply::Reply;
use crate::face::go::format_duration;
use crate::model::{Caller, Commit, Key, KeyRange, LeaseId};
use crate::space::{Coverage, Interrupted, Keyspace, View};

/// The time that a query without `wait` blocks (Consul's `default_query_time`).
const DEFAULT_TIME: Duration = Duration::from_secs(5 * 60);
/// The longest time that a query blocks (Consul's `max_query_time`).
const MAX_TIME: Duration = Duration::from_secs(10 * 60);
/// Divides the time: up to that much is added at random, so that clients do not all return at once.
const JITTER: u32 = 16;
/// The most keys of commits that are looked through for one of the query's.
const MAX_CHANGES: usize = 256;

/// What a query reads, which decides its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// One entry.
    Key(Key),
    /// Every entry with this prefix.
    Prefix(Key),
    /// All sessions.
    Sessions,
    /// One session; the index is that of all, as in Consul. `None` is one that cannot be there.
    Session(Option<LeaseId>),
    /// What never changes, at this index.
    Constant(u64),
}

impl Subject {
    fn ranges(&self) -> Vec<KeyRange> {
        match self {
            Self::Key(key) => vec![KeyRange::Exact(key.clone())],
            Self::Prefix(prefix) => vec![KeyRange::Prefix(prefix.clone())],
            Self::Sessions => vec![KeyRange::Prefix(LeaseId::records())],
            Self::Session(Some(id)) => vec![KeyRange::Exact(id.record_key())],
            Self::Session(None) | Self::Constant(_) => Vec::new(),
        }
    }
}

/// A poll that waits. Dropped before it is answered, it broke.
struct ParkedPoll<'a>(Option<&'a Keyspace>);

impl ParkedPoll<'_> {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for ParkedPoll<'_> {
    fn drop(&mut self) {
        if let Some(space) = self.0 {
            space.watch_broke();
        }
    }
}

impl Face {
    /// Returns when the query is to be answered: at once where it does not block; else when its index is above the
    /// client's, when its time is up, or when the gateway stops.
    ///
    /// An index above the keyspace's revision comes from a keyspace that is gone. Such a query is answered at once, so
    /// that the client learns the index of this one; Consul would let it wait.
    pub(super) async fn blocking_query(
        &self,
        caller: &Caller,
        options: QueryOptions,
        subject: &Subject,
    ) -> Result<(), Reply> {
        if options.index == 0 {
            return Ok(());
        }
        // The watch begins before the first read: no commit falls between the two.
        let mut watch = self.space.watch(caller, subject.ranges());
        if self.is_due(caller, options.index, subject).await? {
            // Its queue would fill meanwhile.
            drop(watch);
            self.space.turn(caller).await;
            return Ok(());
        }
        let mut end = std::pin::pin!(tokio::time::sleep(jittered(options.wait)));
        let parked = ParkedPoll(Some(&self.space));
        loop {
            tokio::select! {
                next = watch.next() => match next {
                    // One of before the first read may arrive late; the client knows it.
                    Ok(commit) if commit.revision <= options.index => {}
                    // Its index rose. Or there were more commits than a watch holds. Or the client may see other keys now,
                    // and its answer differs, whatever the index.
                    Ok(_) | Err(Interrupted::Lagged(_) | Interrupted::RightsChanged) => break,
                },
                () = end.as_mut() => break,
                () = self.stopping.wait() => break,
            }
        }
        parked.answered();
        Ok(())
    }

    /// Whether a query with this index is answered at once.
    async fn is_due(&self, caller: &Caller, asked: u64, subject: &Subject) -> Result<bool, Reply> {
        let view = self.space.read(caller);
        let revision = view.revision();
        let index = match subject {
            Subject::Key(key) => view.key_index(key),
            Subject::Constant(index) => *index,
            Subject::Sessions | Subject::Session(_) => self.sessions_index(caller, &view).await?,
            Subject::Prefix(prefix) => {
                if let Some(due) = self.is_due_by_commits(&view, asked, prefix) {
                    return Ok(due);
                }
                // A view keeps alive what has since been deleted.
                drop(view);
                self.prefix_index(caller, prefix).await?
            }
        };
        Ok(is_answered_at_once(asked, index, revision))
    }

    /// The same from the commits since the client's index, where these are few and still known.
    fn is_due_by_commits(&self, view: &View, asked: u64, prefix: &Key) -> Option<bool> {
        let (revision, floor) = (view.revision(), view.index_floor());
        // No index in the prefix is above the revision, nor below the floor.
        if floor > asked || revision <= asked {
            return Some(is_answered_at_once(asked, floor, revision));
        }
        let range = KeyRange::Prefix(prefix.clone());
        let is_whole = |view: &View| view.covers(&range) == Coverage::All;
        if !is_whole(view) || !is_whole(&view.clone().to_watch()) {
            return None;
        }
        let mut left = MAX_CHANGES;
        let touches = |commit: &Arc<Commit>| {
            for change in &commit.changes {
                if left == 0 {
                    return Some(None);
                }
                left -= 1;
                if range.contains(&change.key) {
                    return Some(Some(true));
                }
            }
            None
        };
        match self
            .space
            .find_commit(view, asked.saturating_add(1), touches)
        {
            Ok(found) => found.unwrap_or(Some(false)),
            // Some are forgotten.
            Err(_) => None,
        }
    }
}

/// Whether what has this index, in a keyspace at this revision, is not what a client with the index `asked` waits for.
fn is_answered_at_once(asked: u64, index: u64, revision: u64) -> bool {
    // 0 would make the client repeat its query at once, for ever.
    let index = index.max(1);
    index > asked || revision.max(index) < asked
}

/// The time that a query without `wait` blocks, as Consul formats it.
pub(super) fn default_time() -> String {
    formatted(DEFAULT_TIME)
}

/// The longest time that a query blocks, as Consul formats it.
pub(super) fn max_time() -> String {
    formatted(MAX_TIME)
}

fn formatted(time: Duration) -> String {
    format_duration(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
}

/// The time to block, with jitter.
fn jittered(wait: i64) -> Duration {
    let wait = match u64::try_from(wait) {
        Ok(0) | Err(_) => DEFAULT_TIME,
        Ok(nanos) => Duration::from_nanos(nanos).min(MAX_TIME),
    };
    let max_jitter = (wait / JITTER).as_nanos().max(1);
    let jitter = u64::try_from(LeaseId::random().0 % max_jitter).unwrap_or(0);
    wait + Duration::from_nanos(jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_and_jittered() {
        let bounds = [
            (0, DEFAULT_TIME),
            (-1, DEFAULT_TIME),
            (i64::MIN, DEFAULT_TIME),
            (i64::MAX, MAX_TIME),
            (1, Duration::from_nanos(1)),
            (16_000, Duration::from_micros(16)),
        ];
        for (requested, least) in bounds {
            for _ in 0..100 {
                let wait = jittered(requested);
                assert!(
                    least <= wait && wait <= least + least / JITTER,
                    "{requested}: {wait:?}"
                );
            }
        }
    }
}

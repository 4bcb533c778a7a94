//! Waiting commits: those that are to be sent, and which of them share the next transaction.
//!
//! A commit that comes while no transaction is on its way is sent at once. What comes meanwhile waits until that is answered, and
//! then goes in one; or in a further one before, as soon as it fills that. No timer holds anything back: the busier etcd is, the
//! more commits share a transaction.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::bulk::RangeCompare;
use crate::model::{Key, Proposal, Target};
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteId;

/// The most transactions on their way at a time. All but one of them were full when they were sent: two half full ones cost etcd
/// more than one that waited.
const ON_THEIR_WAY: usize = 4;

/// The most commits of one transaction. Each is a nested transaction, whose lists may be as long as etcd's longest less their
/// number: 64.
const MOST_COMMITS: usize = 64;

/// The most writes of a commit that shares its transaction: two operations each, and a record, are far below 64.
const MOST_WRITES: usize = 16;

/// The most bytes of keys and values in a transaction that is shared: larger ones gain nothing by it.
const MOST_BYTES: usize = 256 << 10;

/// What etcd did with a commit.
#[derive(Debug)]
pub(super) enum CommitAnswer {
    /// It took effect.
    Taken,
    /// A compare failed: one of its own, of these ranges among others, or that of the term.
    Refused(Vec<RangeCompare>),
}

/// A commit that is to be sent.
#[derive(Debug)]
pub(super) struct WaitingCommit {
    pub(super) write_id: WriteId,
    pub(super) proposal: Arc<Proposal>,
    /// When its caller began to wait.
    pub(super) since: Instant,
    /// It shares no transaction: etcd refused one that it was in, for whichever of the commits.
    pub(super) is_alone: bool,
    pub(super) answer: oneshot::Sender<Result<CommitAnswer, SendError>>,
}

impl WaitingCommit {
    /// Answers its caller, who may have gone.
    pub(super) fn answer(self, answer: Result<CommitAnswer, SendError>) {
        let _gone = self.answer.send(answer);
    }
}

/// The commits that wait.
#[derive(Debug)]
pub(crate) struct WaitingCommits(Mutex<WaitingState>);

#[derive(Debug)]
struct WaitingState {
    waiting: VecDeque<WaitingCommit>,
    /// The bytes of their keys and values.
    bytes: usize,
    on_their_way: usize,
    /// As [`MOST_COMMITS`], or fewer where this etcd takes fewer operations at once.
    most: usize,
}

impl Default for WaitingCommits {
    fn default() -> Self {
        Self(Mutex::new(WaitingState {
            waiting: VecDeque::new(),
            bytes: 0,
            on_their_way: 0,
            most: MOST_COMMITS,
        }))
    }
}

impl WaitingCommits {
    /// Adds a commit. Says whether a transaction may go on its way: then the caller sends what [`WaitingCommits::take`] gives,
    /// until that is nothing.
    pub(super) fn push(&self, commit: WaitingCommit) -> bool {
        let mut state = self.0.lock();
        state.bytes += weight(&commit.proposal);
        state.waiting.push_back(commit);
        let may_go = match state.on_their_way {
            0 => true,
            on_their_way => on_their_way < ON_THEIR_WAY && state.fills_one(),
        };
        state.on_their_way += usize::from(may_go);
        may_go
    }

    /// Puts the commits of a transaction that did nothing back, each to be sent alone and before all others.
    pub(super) fn put_back_alone(&self, commits: Vec<WaitingCommit>) {
        let mut state = self.0.lock();
        for commit in commits.into_iter().rev() {
            state.bytes += weight(&commit.proposal);
            state.waiting.push_front(WaitingCommit {
                is_alone: true,
                ..commit
            });
        }
    }

    /// The commits of the next transaction. `None` where none waits, or where others are on their way that what waits may wait
    /// for; then whoever asked sends no more.
    pub(super) fn take(&self) -> Option<Vec<WaitingCommit>> {
        let mut state = self.0.lock();
        let waits = state.on_their_way > 1 && !state.fills_one();
        let first = if waits {
            None
        } else {
            state.waiting.pop_front()
        };
        let Some(first) = first else {
            state.on_their_way -= 1;
            return None;
        };
        let most = state.most;
        let batch = share(first, &mut state.waiting, most);
        let bytes = batch.iter().map(|commit| weight(&commit.proposal));
        state.bytes -= bytes.sum::<usize>();
        Some(batch)
    }

    /// Fewer commits share a transaction from now on: this etcd takes fewer operations than it does by default.
    pub(super) fn share_less(&self) {
        let mut state = self.0.lock();
        state.most = (state.most / 2).max(1);
        tracing::info!(
            most = state.most,
            "etcd's --max-txn-ops is below its default of 128: fewer commits share a transaction"
        );
    }
}

impl WaitingState {
    /// Whether what waits fills a transaction: it is as much as one takes, or there is one that would go alone.
    fn fills_one(&self) -> bool {
        let goes_alone = |commit: &WaitingCommit| !may_share(commit);
        let (first, last) = (self.waiting.front(), self.waiting.back());
        self.waiting.len() >= self.most
            || self.bytes >= MOST_BYTES
            || first.is_some_and(goes_alone)
            || last.is_some_and(goes_alone)
    }
}

/// The first commit, and those of the waiting ones that share its transaction. A key stands once in it, as etcd refuses a
/// transaction that writes a key twice: a commit of the same key waits, behind those that it came after.
fn share(
    first: WaitingCommit,
    waiting: &mut VecDeque<WaitingCommit>,
    most: usize,
) -> Vec<WaitingCommit> {
    if !may_share(&first) {
        return vec![first];
    }
    let mut keys: HashSet<Key> = written_keys(&first.proposal).cloned().collect();
    let mut bytes = weight(&first.proposal);
    let mut batch = vec![first];
    let mut passed = VecDeque::new();
    while batch.len() < most
        && passed.len() < most
        && let Some(next) = waiting.pop_front()
    {
        let more = weight(&next.proposal);
        let is_new = || written_keys(&next.proposal).all(|key| !keys.contains(key));
        if may_share(&next) && bytes + more <= MOST_BYTES && is_new() {
            keys.extend(written_keys(&next.proposal).cloned());
            bytes += more;
            batch.push(next);
        } else {
            // Later ones of the same keys stay behind it.
            keys.extend(written_keys(&next.proposal).cloned());
            passed.push_back(next);
        }
    }
    passed.append(waiting);
    *waiting = passed;
    batch
}

fn may_share(commit: &WaitingCommit) -> bool {
    !commit.is_alone && commit.proposal.writes.len() <= MOST_WRITES
}

fn written_keys(proposal: &Proposal) -> impl Iterator<Item = &Key> {
    let targets = proposal.writes.iter().map(|write| &write.target);
    targets.filter_map(|target| match target {
        Target::Key(key) => Some(key),
        // It is written under a name that no other commit has.
        Target::InOrder(_) => None,
    })
}

/// The bytes of its keys and values.
fn weight(proposal: &Proposal) -> usize {
    let writes = proposal.writes.iter();
    let weight = writes.map(|write| {
        let (Target::Key(key) | Target::InOrder(key)) = &write.target;
        let value = write.put.as_ref().map_or(0, |put| put.value.len());
        key.as_bytes().len() + value
    });
    weight.sum()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::model::{Record, Write};

    fn commit(keys: &[&str], value: usize) -> WaitingCommit {
        let write = |key: &&str| Write {
            target: Target::Key(Key::user(*key)),
            before: None,
            put: Some(Record {
                value: Bytes::from(vec![0; value]),
                ..Record::default()
            }),
        };
        WaitingCommit {
            write_id: WriteId::default(),
            proposal: Arc::new(Proposal {
                writes: keys.iter().map(write).collect(),
                ..Proposal::default()
            }),
            since: Instant::now(),
            is_alone: false,
            answer: oneshot::channel().0,
        }
    }

    fn queue(commits: Vec<WaitingCommit>) -> WaitingCommits {
        let queue = WaitingCommits::default();
        for commit in commits {
            queue.push(commit);
        }
        queue
    }

    /// The keys of the next transaction's commits.
    fn next(queue: &WaitingCommits) -> Option<Vec<String>> {
        let names = |commit: &WaitingCommit| {
            let keys: Vec<_> = written_keys(&commit.proposal).map(Key::to_string).collect();
            keys.join("+")
        };
        Some(queue.take()?.iter().map(names).collect())
    }

    #[test]
    fn what_waits_shares_a_transaction_in_its_order() {
        let queue = queue(vec![
            commit(&["a"], 1),
            commit(&["b", "c"], 1),
            commit(&["d"], 1),
        ]);
        assert_eq!(next(&queue).unwrap(), ["a", "b+c", "d"]);
        assert_eq!(next(&queue), None);
    }

    #[test]
    fn key_stands_once_in_a_transaction_and_its_commits_keep_their_order() {
        let queue = queue(vec![
            commit(&["a"], 1),
            commit(&["b", "a"], 1),
            commit(&["b"], 1),
            commit(&["c"], 1),
        ]);
        assert_eq!(next(&queue).unwrap(), ["a", "c"]);
        assert_eq!(next(&queue).unwrap(), ["b+a"]);
        assert_eq!(next(&queue).unwrap(), ["b"]);
    }

    #[test]
    fn wide_and_large_commits_go_alone_and_no_transaction_grows_beyond_its_bounds() {
        let names: Vec<_> = (0..100).map(|n| format!("k{n}")).collect();
        let all: Vec<_> = names.iter().map(String::as_str).collect();
        let mut commits = vec![commit(&all[..17], 1), commit(&["a"], 300 << 10)];
        commits.extend(all.iter().map(|key| commit(&[key], 1)));
        let queue = queue(commits);
        assert_eq!(next(&queue).unwrap().len(), 1);
        assert_eq!(next(&queue).unwrap(), ["a"]);
        assert_eq!(next(&queue).unwrap().len(), MOST_COMMITS);
        // The rest does not fill one, and waits until the others on their way are answered.
        let mut left = std::iter::repeat_with(|| next(&queue));
        assert_eq!(
            left.find_map(|batch| batch).unwrap().len(),
            100 - MOST_COMMITS
        );
    }

    #[test]
    fn commits_of_a_refused_transaction_go_alone_and_first() {
        let queue = queue(vec![commit(&["a"], 1), commit(&["b"], 1)]);
        let refused = queue.take().unwrap();
        queue.push(commit(&["c"], 1));
        queue.put_back_alone(refused);
        assert_eq!(next(&queue).unwrap(), ["a"]);
        assert_eq!(next(&queue).unwrap(), ["b"]);
        assert_eq!(next(&queue).unwrap(), ["c"]);
    }

    #[test]
    fn what_comes_while_a_transaction_is_on_its_way_waits_until_it_fills_another() {
        let names: Vec<_> = (0..10 * MOST_COMMITS).map(|n| format!("k{n}")).collect();
        let queue = WaitingCommits::default();
        let pushed = |at: usize| queue.push(commit(&[&names[at]], 1));
        assert!(pushed(0), "nothing is on its way");
        assert_eq!(next(&queue).unwrap().len(), 1);
        let started: Vec<_> = (1..=MOST_COMMITS).filter(|at| pushed(*at)).collect();
        assert_eq!(started, [MOST_COMMITS]);
        assert_eq!(next(&queue).unwrap().len(), MOST_COMMITS);
        assert!(!pushed(MOST_COMMITS + 1));
        assert_eq!(
            next(&queue),
            None,
            "the first to be answered leaves it to the other"
        );
        assert_eq!(next(&queue).unwrap().len(), 1);
        assert_eq!(next(&queue), None);
        assert!(pushed(MOST_COMMITS + 2), "nothing is on its way");
    }

    #[test]
    fn few_transactions_are_on_their_way_however_much_waits() {
        let queue = WaitingCommits::default();
        let started = (0..10).filter(|_| queue.push(commit(&["a"], MOST_BYTES)));
        assert_eq!(started.count(), ON_THEIR_WAY);
    }
}

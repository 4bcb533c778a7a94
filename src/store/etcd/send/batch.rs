//! Batches: commits that share a transaction, each a nested transaction with its own preconditions.
//!
//! The transaction compares the term, so all of it takes effect in one term or none does. A nested one compares what its
//! commit rests on, so a commit whose entries have changed is refused by itself. etcd evaluates every compare before it
//! writes anything: the commits are of different keys, and none sees another.

use std::sync::Arc;

use etcd_client::{Txn, TxnOp, TxnOpResponse, TxnResponse};

use super::bulk::RangeCompare;
use super::compile::{Share, compile};
use super::transaction::Transaction;
use super::waiting_commits::{CommitAnswer, WaitingCommit, WaitingCommits};
use crate::store::etcd::connection::error::EtcdError;
use crate::store::etcd::prefix::Prefix;

/// The commits of a transaction that is ready to be sent.
pub(super) struct Batch {
    commits: Vec<(WaitingCommit, Vec<RangeCompare>)>,
    transaction: Transaction,
    /// Each commit is a nested transaction.
    is_nested: bool,
}

/// Sends what waits until nothing does.
pub(super) async fn send_all(prefix: Arc<Prefix>, waiting: Arc<WaitingCommits>) {
    while let Some(commits) = waiting.take() {
        let (batch, left) = join(&prefix, commits);
        waiting.put_back_alone(left);
        if let Some(batch) = batch {
            waiting.put_back_alone(batch.send(&prefix, &waiting).await);
        }
    }
}

/// Makes a transaction of commits; those that cannot take effect are answered. With those that are to be sent alone, and without a
/// transaction where no other is left.
pub(super) fn join(
    prefix: &Prefix,
    commits: Vec<WaitingCommit>,
) -> (Option<Batch>, Vec<WaitingCommit>) {
    let cache = prefix.cache.lock();
    // Only after the switch do the commits of one revision have different indexes.
    let is_nested = commits.len() > 1 && cache.numbering.switch().is_some();
    let mut nested = Vec::new();
    let mut batch = Batch {
        commits: Vec::new(),
        transaction: Transaction::default(),
        is_nested,
    };
    let mut left = commits.into_iter();
    for commit in left.by_ref() {
        let place = u8::try_from(nested.len()).unwrap_or_default();
        let share = if is_nested {
            Share::Place(place)
        } else {
            Share::Alone
        };
        let (write_id, proposal) = (commit.write_id, &commit.proposal);
        match compile(&cache, &prefix.layout, write_id, proposal, share) {
            Ok((transaction, ranges)) => {
                batch.commits.push((commit, ranges));
                if !is_nested {
                    batch.transaction = transaction;
                    break;
                }
                nested.push(transaction.into_nested());
            }
            Err(error) => commit.answer(Err(error)),
        }
    }
    if is_nested && let Some(fence) = cache.fence {
        // Those that were compiled are of this term.
        batch.transaction = Transaction::fenced(&prefix.layout, fence);
        batch.transaction.operations = nested;
    }
    drop(cache);
    let batch = (!batch.commits.is_empty()).then_some(batch);
    (batch, left.collect())
}

impl Batch {
    #[cfg(test)]
    pub(super) fn into_transaction(self) -> Transaction {
        self.transaction
    }

    /// Sends it once, and answers its commits; gives those that are to be sent alone.
    async fn send(self, prefix: &Prefix, waiting: &WaitingCommits) -> Vec<WaitingCommit> {
        let since = self.commits.iter().map(|(commit, _)| commit.since).min();
        let is_shared = self.commits.len() > 1;
        let answer = self.transaction.hold_and_send(prefix, since).await;
        let taken = match answer {
            Ok(answer) => takes(&answer, self.commits.len(), self.is_nested),
            // A key that was to keep its value was deleted.
            Err(EtcdError::NoKey) if !is_shared => vec![false],
            // It did nothing, and may have been refused for one of the commits: each gets an answer of its own.
            Err(error) if is_shared && error.is_refusal() => {
                if matches!(error, EtcdError::TooManyOperations(_)) {
                    waiting.share_less();
                }
                return self.commits.into_iter().map(|(commit, _)| commit).collect();
            }
            Err(error) => {
                for (commit, _) in self.commits {
                    commit.answer(Err(error.clone().into()));
                }
                return Vec::new();
            }
        };
        for ((commit, ranges), is_taken) in self.commits.into_iter().zip(taken) {
            commit.answer(Ok(if is_taken {
                CommitAnswer::Taken
            } else {
                CommitAnswer::Refused(ranges)
            }));
        }
        Vec::new()
    }
}

/// Which of the commits took effect.
fn takes(answer: &TxnResponse, commits: usize, is_nested: bool) -> Vec<bool> {
    if !is_nested || !answer.succeeded() {
        return vec![answer.succeeded(); commits];
    }
    let nested = answer.op_responses().into_iter();
    nested
        .map(|nested| matches!(nested, TxnOpResponse::Txn(nested) if nested.succeeded()))
        .collect()
}

impl Transaction {
    /// The same as an operation of another transaction.
    fn into_nested(self) -> TxnOp {
        TxnOp::txn(Txn::new().when(self.compares).and_then(self.operations))
    }
}

#[cfg(test)]
mod tests {
    use etcd_client::proto::{PbResponseOp, PbTxnOpResponse, PbTxnResponse};

    use super::*;

    fn answer(succeeded: bool, nested: &[bool]) -> TxnResponse {
        let nested = nested.iter().map(|succeeded| {
            let nested = PbTxnResponse {
                succeeded: *succeeded,
                ..PbTxnResponse::default()
            };
            PbResponseOp {
                response: Some(PbTxnOpResponse::ResponseTxn(nested)),
            }
        });
        TxnResponse(PbTxnResponse {
            succeeded,
            responses: nested.collect(),
            ..PbTxnResponse::default()
        })
    }

    #[test]
    fn commit_is_refused_by_its_own_preconditions_and_all_by_the_term() {
        let some = answer(true, &[true, false, true]);
        assert_eq!(takes(&some, 3, true), [true, false, true]);
        assert_eq!(takes(&answer(false, &[]), 3, true), [false; 3]);
        assert_eq!(takes(&answer(true, &[]), 1, false), [true]);
        assert_eq!(takes(&answer(false, &[]), 1, false), [false]);
    }
}

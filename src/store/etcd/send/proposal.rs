//! Proposals of the leader: each waits until it is sent, alone or with others, and until it is known what became of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::batch;
use super::compile::{holds, preconditions};
use super::waiting_commits::{CommitAnswer, WaitingCommit, WaitingCommits};
use crate::model::Proposal;
use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::prefix::Prefix;
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteId;

/// How long the watch may take to deliver a rename, or the change that refused a write.
const WATCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a proposal.
pub(crate) async fn send(
    prefix: &Arc<Prefix>,
    waiting: &Arc<WaitingCommits>,
    write_id: WriteId,
    proposal: Proposal,
) -> Result<(), SendError> {
    let are_renamed = |cache: &KeyCache| {
        let mut values = preconditions(&proposal).filter_map(|(key, _)| cache.value(key));
        values.all(|value| value.temporary_name.is_none())
    };
    if !prefix.cache.wait_until(WATCH_TIMEOUT, are_renamed).await {
        let why = "an entry that was created in order still has its temporary name in etcd";
        return Err(SendError::Unavailable(why.to_owned()));
    }
    let proposal = Arc::new(proposal);
    let ranges = match send_with_others(prefix, waiting, (write_id, &proposal)).await? {
        CommitAnswer::Taken => return Ok(()),
        CommitAnswer::Refused(ranges) => ranges,
    };
    // A refusal is reported only when the watch has delivered what refused the write.
    let is_refused = |cache: &KeyCache| {
        cache.fence.is_none_or(|fence| fence.term != write_id.term)
            || !holds(cache, &proposal)
            || ranges.iter().any(|range| range.has_failed(cache))
    };
    if prefix.cache.wait_until(WATCH_TIMEOUT, is_refused).await {
        return Err(SendError::Conflict(prefix.cache.lock().index()));
    }
    let why = "etcd refused the write because a key has changed, but its watch did not deliver that change within 5 s";
    Err(SendError::Unavailable(why.to_owned()))
}

/// Sends it, with what else waits. The transaction is a task's: a caller that goes takes nobody else's commit along.
async fn send_with_others(
    prefix: &Arc<Prefix>,
    waiting: &Arc<WaitingCommits>,
    (write_id, proposal): (WriteId, &Arc<Proposal>),
) -> Result<CommitAnswer, SendError> {
    let (answer, answered) = oneshot::channel();
    let may_go = waiting.push(WaitingCommit {
        write_id,
        proposal: Arc::clone(proposal),
        since: Instant::now(),
        is_alone: false,
        answer,
    });
    if may_go {
        tokio::spawn(batch::send_all(Arc::clone(prefix), Arc::clone(waiting)));
    }
    let lost = |_| SendError::Unknown("the transaction was not answered".to_owned());
    answered.await.map_err(lost)?
}

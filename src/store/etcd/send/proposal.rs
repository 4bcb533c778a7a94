//! Proposals of the leader, each sent as one transaction.

use std::time::Duration;

use super::bulk::{self, RangeCompare};
use super::nesting::MAX_LIST;
use super::transaction::Transaction;
use crate::model::{Key, Proposal, Target};
use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::encoding::layout::Layout;
use crate::store::etcd::encoding::records::{AttributesRecord, CommitRecord, to_json};
use crate::store::etcd::prefix::Prefix;
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteId;

/// How long the watch may take to deliver a rename, or the change that refused a write.
const WATCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Sends a proposal.
pub(crate) async fn send(
    prefix: &Prefix,
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
    let compiled = compile(&prefix.cache.lock(), &prefix.layout, write_id, &proposal);
    let (transaction, ranges) = compiled?;
    if transaction.hold_and_send(prefix).await? {
        return Ok(());
    }
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

/// The keys a proposal names, each with the index its entry must have.
fn preconditions(proposal: &Proposal) -> impl Iterator<Item = (&Key, Option<u64>)> {
    let writes = proposal.writes.iter();
    writes.filter_map(|write| match &write.target {
        Target::Key(key) => {
            let before = write.before.as_ref();
            Some((key, before.map(|before| before.modified.main)))
        }
        Target::InOrder(_) => None,
    })
}

fn holds(cache: &KeyCache, proposal: &Proposal) -> bool {
    preconditions(proposal).all(|(key, index)| cache.value(key).map(|value| value.index) == index)
}

fn compile(
    cache: &KeyCache,
    layout: &Layout,
    write_id: WriteId,
    proposal: &Proposal,
) -> Result<(Transaction, Vec<RangeCompare>), SendError> {
    let Some(fence) = cache.fence else {
        // A gateway takes leadership again, which writes it; writes succeed from then on.
        let why = "the term record (.kubekv/term) is missing in etcd";
        return Err(SendError::Unknown(why.to_owned()));
    };
    if fence.term != write_id.term || !holds(cache, proposal) {
        return Err(SendError::Conflict(cache.index()));
    }
    let mut transaction = Transaction::fenced(layout, fence);
    let subject = proposal.subject.as_ref().and_then(Key::as_str);
    // In the attributes of the first value that is put, which saves a record.
    let mut commit = Some(CommitRecord {
        write_id,
        cause: proposal.cause,
        subject: subject.map(str::to_owned),
    });
    let mut keys = Vec::new();
    for (sub, write) in (0_u32..).zip(&proposal.writes) {
        match &write.target {
            Target::Key(key) => keys.push((sub, key, write)),
            Target::InOrder(parent) => {
                let name = format!("{}.{}.{sub}", write_id.term, write_id.sequence);
                let attributes = AttributesRecord {
                    sub,
                    parent: Some(parent.as_bytes().to_vec()),
                    commit: commit.take(),
                    ..AttributesRecord::default()
                };
                transaction.create_in_order(layout, &name, write, attributes)?;
            }
        }
    }
    let mut ranges = Vec::new();
    // Two operations a write, and the commit record.
    if proposal.writes.len() * 2 < MAX_LIST {
        for (sub, key, write) in keys {
            transaction.require_cached(cache, layout, key);
            let mut attributes = AttributesRecord {
                sub,
                ..AttributesRecord::default()
            };
            if write.put.is_some() {
                attributes.commit = commit.take();
            }
            transaction.write(layout, (key, write), attributes)?;
        }
    } else {
        ranges = bulk::compile(&mut transaction, cache, layout, keys)?;
    }
    if let Some(commit) = commit {
        transaction.put(layout.commit(), to_json(&commit)?);
    }
    Ok((transaction, ranges))
}

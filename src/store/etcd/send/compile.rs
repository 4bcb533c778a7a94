//! Proposals compiled to transactions, or to parts of one that several share.

use super::bulk::{self, RangeCompare};
use super::nesting::MAX_LIST;
use super::transaction::Transaction;
use crate::model::{Key, Proposal, Target};
use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::encoding::layout::Layout;
use crate::store::etcd::encoding::records::{AttributesRecord, CommitRecord, to_json};
use crate::store::shared::log::SendError;
use crate::store::shared::write_ids::WriteId;

/// Whether a commit shares its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// It has it for itself.
    Alone,
    /// It is a nested transaction, in this place among others.
    Place(u8),
}

impl Share {
    fn place(self) -> u8 {
        match self {
            Self::Alone => 0,
            Self::Place(place) => place,
        }
    }
}

/// The keys a proposal names, each with the index its entry must have.
pub(super) fn preconditions(proposal: &Proposal) -> impl Iterator<Item = (&Key, Option<u64>)> {
    let writes = proposal.writes.iter();
    writes.filter_map(|write| match &write.target {
        Target::Key(key) => {
            let before = write.before.as_ref();
            Some((key, before.map(|before| before.modified.main)))
        }
        Target::InOrder(_) => None,
    })
}

/// Whether every precondition holds in the cache.
pub(super) fn holds(cache: &KeyCache, proposal: &Proposal) -> bool {
    preconditions(proposal).all(|(key, index)| cache.value(key).map(|value| value.index) == index)
}

/// The transaction of a proposal, with the compares that cover several keys. In one that is shared the term is compared
/// outside.
pub(super) fn compile(
    cache: &KeyCache,
    layout: &Layout,
    write_id: WriteId,
    proposal: &Proposal,
    share: Share,
) -> Result<(Transaction, Vec<RangeCompare>), SendError> {
    let Some(fence) = cache.fence else {
        // A gateway takes leadership again, which writes it; writes succeed from then on.
        let why = "the term record (.kubekv/term) is missing in etcd";
        return Err(SendError::Unknown(why.to_owned()));
    };
    if fence.term != write_id.term || !holds(cache, proposal) {
        return Err(SendError::Conflict(cache.index()));
    }
    let mut transaction = match share {
        Share::Alone => Transaction::fenced(layout, fence),
        Share::Place(_) => Transaction::default(),
    };
    let place = share.place();
    // In the attributes of the first value that is put, which saves a record.
    let mut commit = Some(commit_record(write_id, proposal));
    // Those who watch learn from it which commit a deletion is of: it comes before them.
    if share != Share::Alone && proposal.writes.iter().any(|write| write.put.is_none()) {
        put_commit_record(&mut transaction, layout, place, &mut commit)?;
    }
    let mut keys = Vec::new();
    for (sub, write) in (0_u32..).zip(&proposal.writes) {
        match &write.target {
            Target::Key(key) => keys.push((sub, key, write)),
            Target::InOrder(parent) => {
                let name = format!("{}.{}.{sub}", write_id.term, write_id.sequence);
                let attributes = AttributesRecord {
                    sub,
                    place,
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
                place,
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
    put_commit_record(&mut transaction, layout, place, &mut commit)?;
    Ok((transaction, ranges))
}

fn commit_record(write_id: WriteId, proposal: &Proposal) -> CommitRecord {
    let subject = proposal.subject.as_ref().and_then(Key::as_str);
    CommitRecord {
        write_id,
        cause: proposal.cause,
        subject: subject.map(str::to_owned),
    }
}

/// Puts the commit's record under a key of its own, unless it stands somewhere.
fn put_commit_record(
    transaction: &mut Transaction,
    layout: &Layout,
    place: u8,
    commit: &mut Option<CommitRecord>,
) -> Result<(), SendError> {
    if let Some(commit) = commit.take() {
        transaction.put(layout.commit(place), to_json(&commit)?);
    }
    Ok(())
}

//! Transactions of more keys than one list of etcd's takes: nested operations, and compares that cover many keys.

use etcd_client::{Compare, CompareOp, DeleteOptions, TxnOp};

use super::compare_groups::{GroupedWrite, group, merge};
use super::nesting::compares_beside;
use super::transaction::Transaction;
use crate::model::{Key, Write};
use crate::store::etcd::cache::key_cache::KeyCache;
use crate::store::etcd::encoding::layout::Layout;
use crate::store::etcd::encoding::records::AttributesRecord;
use crate::store::etcd::encoding::revision;
use crate::store::shared::log::SendError;

/// A compare of all keys from one to another: none may be newer than a revision.
#[derive(Debug)]
pub(super) struct RangeCompare {
    first: Key,
    last: Key,
    revision: u64,
}

impl RangeCompare {
    /// Holds for keys that do not exist as well.
    fn compare(&self, layout: &Layout) -> Compare {
        let next = revision::to_wire(self.revision + 1);
        let first = layout.value(&self.first);
        Compare::mod_revision(first, CompareOp::Less, next)
            .with_range(after(layout.value(&self.last)))
    }

    /// Whether the cache has a newer key, so that the compare fails.
    pub(super) fn has_failed(&self, cache: &KeyCache) -> bool {
        let slots = cache.slots.range(&self.first..=&self.last);
        let mut values = slots.filter_map(|(_, slot)| slot.value.as_ref());
        values.any(|value| value.modified > self.revision)
    }
}

/// Adds writes of keys, each with its number among all writes; gives the compares that cover several.
pub(super) fn compile<'a>(
    transaction: &mut Transaction,
    cache: &KeyCache,
    layout: &Layout,
    writes: Vec<(u32, &'a Key, &'a Write)>,
) -> Result<Vec<RangeCompare>, SendError> {
    let mut writes: Vec<_> = writes.into_iter().map(GroupedWrite::new).collect();
    writes.sort_by(|a, b| (a.zone, a.key).cmp(&(b.zone, b.key)));
    let (mut groups, alone) = group(cache, &writes);
    let mut operations = Vec::new();
    for group in alone.iter().chain(&groups) {
        let own = group.writes(&writes);
        for joined in own.chunk_by(|a, b| a.is_deletion() && b.is_deletion()) {
            operations.push(join_operations(layout, joined)?);
        }
    }
    operations.sort_by_key(|(sub, _)| *sub);
    for (_, own) in operations {
        transaction.operations.extend(own);
    }
    // One more operation may follow: the commit record.
    let allowed = compares_beside(transaction.operations.len() + 1);
    let taken = transaction.compares.len() + alone.len();
    allowed
        .and_then(|allowed| merge(&mut groups, allowed.checked_sub(taken)?))
        .ok_or_else(|| too_many(writes.len()))?;
    let mut ranges = Vec::new();
    for group in alone.iter().chain(&groups) {
        match group.writes(&writes) {
            [] => {}
            [one] => transaction.require_cached(cache, layout, one.key),
            [first, .., last] => {
                let range = RangeCompare {
                    first: first.key.clone(),
                    last: last.key.clone(),
                    revision: cache.revision,
                };
                transaction.compares.push(range.compare(layout));
                ranges.push(range);
            }
        }
    }
    Ok(ranges)
}

/// The operations of one write, or of deletions with no other entry between them; with the number of the first.
fn join_operations(
    layout: &Layout,
    joined: &[GroupedWrite<'_>],
) -> Result<(u32, Vec<TxnOp>), SendError> {
    let mut transaction = Transaction::default();
    let sub = joined.iter().map(|write| write.sub).min();
    match joined {
        [] => {}
        [one] => {
            let attributes = AttributesRecord {
                sub: one.sub,
                ..AttributesRecord::default()
            };
            transaction.write(layout, (one.key, one.write), attributes)?;
        }
        [first, .., last] => {
            for at in [Layout::value, Layout::attributes] {
                let end = after(at(layout, last.key));
                let range = DeleteOptions::new().with_range(end);
                let deletion = TxnOp::delete(at(layout, first.key), Some(range));
                transaction.operations.push(deletion);
            }
        }
    }
    Ok((sub.unwrap_or_default(), transaction.operations))
}

/// The first key after this one.
fn after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

fn too_many(count: usize) -> SendError {
    SendError::TooLarge(format!(
        "{count} changes at once are more than etcd takes in one transaction (its --max-txn-ops)"
    ))
}

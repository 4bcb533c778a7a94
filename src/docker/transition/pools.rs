//! Changes of address spaces: `updatePoolDBOnAdd` and `updatePoolDBOnRemoval`.

use std::collections::{BTreeMap, BTreeSet};

use super::{IllegalChange, Neighbours};
use crate::docker::PoolKey;
use crate::docker::check::{CheckedPool, CheckedRecord};

type PoolTable = BTreeMap<String, CheckedPool>;

pub(super) fn judge_put(
    before: Option<&PoolTable>,
    after: &PoolTable,
    beside: &Neighbours<'_>,
) -> Result<(), IllegalChange> {
    let none = PoolTable::new();
    let before = before.unwrap_or(&none);
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differs = |id: &&String| before.get(*id) != after.get(*id);
    let changed: Vec<&String> = ids.into_iter().filter(differs).collect();
    let steps: Vec<i64> = changed
        .iter()
        .map(|id| step(before.get(*id), after.get(*id)))
        .collect::<Option<_>>()
        .ok_or(IllegalChange::PoolsJump)?;
    let same_way = steps.iter().all(|step| *step == 1) || steps.iter().all(|step| *step == -1);
    let related = match changed.as_slice() {
        [] | [_] => true,
        [one, two] => is_part(one, two, before, after) || is_part(two, one, before, after),
        _ => false,
    };
    if !same_way || !related {
        return Err(IllegalChange::PoolsJump);
    }
    if let [id] = changed.as_slice()
        && !before.contains_key(*id)
        && overlaps(id, after)
    {
        return Err(IllegalChange::PoolOverlaps);
    }
    let removed = changed.iter().filter(|id| !after.contains_key(**id));
    if removed.into_iter().any(|id| is_used(id, beside)) {
        return Err(IllegalChange::PoolInUse);
    }
    Ok(())
}

/// By how many uses a pool changes, if it changes by nothing else.
fn step(before: Option<&CheckedPool>, after: Option<&CheckedPool>) -> Option<i64> {
    match (before, after) {
        (None, None) => None,
        (None, Some(after)) => Some(after.references).filter(|uses| *uses == 1),
        (Some(before), None) => before.references.checked_neg(),
        (Some(before), Some(after)) => {
            let same = CheckedPool {
                references: before.references,
                ..after.clone()
            };
            let step = after.references.checked_sub(before.references);
            step.filter(|_| same == *before)
        }
    }
}

/// Whether one pool is a part of the other, before or after.
fn is_part(part: &str, whole: &str, before: &PoolTable, after: &PoolTable) -> bool {
    [before, after]
        .iter()
        .filter_map(|pools| pools.get(part))
        .any(|pool| pool.range.is_some() && pool.parent.to_string() == whole)
}

/// Whether a whole pool overlaps another one of its address space.
fn overlaps(id: &str, pools: &PoolTable) -> bool {
    let key = |id: &str| id.parse::<PoolKey>().unwrap_or_default();
    let own = key(id);
    let Some(pool) = pools.get(id) else {
        return false;
    };
    pool.range.is_none()
        && pools.iter().any(|(other_id, other)| {
            let other_key = key(other_id);
            other_id != id
                && other_key.space == own.space
                && other_key.child.is_empty()
                && other.pool.overlaps(pool.pool)
        })
}

/// Whether a network that stays has addresses of a pool.
fn is_used(id: &str, beside: &Neighbours<'_>) -> bool {
    beside.find("network", id, |_, record| {
        let CheckedRecord::Network(network) = record else {
            return false;
        };
        !network.in_delete && network.pools.iter().any(|(pool, _)| pool == id)
    })
}

//! Changes of networks: `NewNetwork` and `network.delete`.

use super::{IllegalChange, Neighbours, RecordChange, RecordRefusal};
use crate::docker::check::{CheckedNetwork, CheckedRecord};
use crate::docker::record_fault::RecordFault;
use crate::docker::record_place::RecordKind;

pub(super) fn judge_put(
    change: &RecordChange<'_>,
    before: Option<&CheckedNetwork>,
    after: &CheckedNetwork,
    beside: &Neighbours<'_>,
) -> Result<(), RecordRefusal> {
    let count = count(beside);
    let marks = after.in_delete && !before.is_some_and(|before| before.in_delete);
    if marks {
        if !change.may_delete {
            return Err(IllegalChange::MarkedByOther.into());
        }
        if count.is_some_and(|count| count > u64::from(after.has_balancer)) {
            return Err(IllegalChange::NetworkInUse.into());
        }
    }
    // The count is written before the network, and a marked network outlives it for a moment.
    if count.is_none() && !after.in_delete {
        return Err(RecordFault::Uncounted.into());
    }
    let is_named = before.is_none_or(|before| before.name != after.name);
    if is_named && name_is_taken(after, beside) {
        return Err(IllegalChange::NameTaken.into());
    }
    Ok(())
}

pub(super) fn judge_delete(
    network: &CheckedNetwork,
    beside: &Neighbours<'_>,
) -> Result<(), IllegalChange> {
    // One that could not be made completely is deleted without a mark.
    if network.in_delete || count(beside).unwrap_or_default() == 0 {
        Ok(())
    } else {
        Err(IllegalChange::NetworkInUse)
    }
}

/// The network's endpoint count.
fn count(beside: &Neighbours<'_>) -> Option<u64> {
    let RecordKind::Network(id) = beside.place.kind else {
        return None;
    };
    match beside.record(RecordKind::EndpointCount(id)) {
        Some(CheckedRecord::Count(count)) => Some(count),
        Some(_) | None => None,
    }
}

fn name_is_taken(network: &CheckedNetwork, beside: &Neighbours<'_>) -> bool {
    beside.find("network", "", |place, record| {
        let CheckedRecord::Network(other) = record else {
            return false;
        };
        place.kind != beside.place.kind && other.name == network.name && !other.in_delete
    })
}

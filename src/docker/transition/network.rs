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
        let is_counted = count.is_some_and(|count| count > u64::from(after.has_balancer));
        if is_counted || has_endpoints_of_others(change, beside) {
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
    change: &RecordChange<'_>,
    network: &CheckedNetwork,
    beside: &Neighbours<'_>,
) -> Result<(), IllegalChange> {
    // One that could not be made completely is deleted without a mark.
    let is_unused =
        || count(beside).unwrap_or_default() == 0 && !has_endpoints_of_others(change, beside);
    if network.in_delete || is_unused() {
        Ok(())
    } else {
        Err(IllegalChange::NetworkInUse)
    }
}

/// Whether another host that is up has an endpoint in the network. The count alone does not say: anybody may take it down one by
/// one. What the remover itself left there, or a host that is gone, keeps no network.
fn has_endpoints_of_others(change: &RecordChange<'_>, beside: &Neighbours<'_>) -> bool {
    let RecordKind::Network(id) = beside.place.kind else {
        return false;
    };
    beside.find(&format!("endpoint/{id}"), "", |_, record| {
        let CheckedRecord::Endpoint(endpoint) = record else {
            return false;
        };
        change.is_other(&endpoint.locator) && beside.is_up(&endpoint.locator)
    })
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

//! Changes of the overlay driver's records: `obtainVxlanID`.

use super::{IllegalChange, Neighbours};
use crate::docker::VXLAN_IDS;
use crate::docker::check::{CheckedOverlay, CheckedRecord};
use crate::docker::record_place::RecordKind;

pub(super) fn judge_put(
    before: Option<&CheckedOverlay>,
    after: &CheckedOverlay,
    beside: &Neighbours<'_>,
) -> Result<(), IllegalChange> {
    let Some(before) = before else {
        return after
            .subnets
            .iter()
            .try_for_each(|subnet| judge_vni(0, subnet.vni, beside));
    };
    let is_same = before.mtu.to_bits() == after.mtu.to_bits()
        && before.secure == after.secure
        && before.subnets.len() == after.subnets.len();
    if !is_same {
        return Err(IllegalChange::OverlayChanges);
    }
    for (before, after) in before.subnets.iter().zip(&after.subnets) {
        if (before.subnet, before.gateway) != (after.subnet, after.gateway) {
            return Err(IllegalChange::OverlayChanges);
        }
        judge_vni(before.vni, after.vni, beside)?;
    }
    Ok(())
}

fn judge_vni(before: u32, after: u32, beside: &Neighbours<'_>) -> Result<(), IllegalChange> {
    if before == after {
        return Ok(());
    }
    let allotted = || {
        let ordinal = VXLAN_IDS.ordinal(after)?;
        let CheckedRecord::Bits(bits) = beside.record(RecordKind::Ids(VXLAN_IDS.name))? else {
            return None;
        };
        Some(ordinal < bits.bits() && bits.is_taken(ordinal))
    };
    if before != 0 || allotted() != Some(true) {
        return Err(IllegalChange::VniNotAllotted);
    }
    let RecordKind::Overlay(own) = beside.place.kind else {
        return Ok(());
    };
    if vni_is_used(after, Some(own), beside) {
        Err(IllegalChange::VniTaken)
    } else {
        Ok(())
    }
}

/// Whether a network, besides this one, has a VXLAN id.
pub(super) fn vni_is_used(vni: u32, besides: Option<&str>, beside: &Neighbours<'_>) -> bool {
    // Numbers have no other spelling in what libnetwork writes, and those of others are good only if they were judged.
    beside.find("overlay/network", "", |place, record| {
        let CheckedRecord::Overlay(overlay) = record else {
            return false;
        };
        let is_other = besides.is_none_or(|own| place.kind != RecordKind::Overlay(own));
        is_other && overlay.subnets.iter().any(|subnet| subnet.vni == vni)
    })
}

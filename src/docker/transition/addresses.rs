//! Changes of bitmaps: `bitseq.set`, `NewHandle`, `CheckConsistency` and `Destroy`.

use super::overlay::vni_is_used;
use super::{IllegalChange, Neighbours};
use crate::docker::check::CheckedRecord;
use crate::docker::record_place::RecordKind;
use crate::docker::{BitSequence, Cidr, VXLAN_IDS};

pub(super) fn judge_put(
    before: Option<&BitSequence>,
    after: &BitSequence,
    beside: &Neighbours<'_>,
) -> Result<(), IllegalChange> {
    let Some(before) = before else {
        // A release that did not find it in time writes none, so that it begins as it was made.
        let fits = pool(beside).is_none_or(|pool| pool.addresses() == after.bits());
        return if fits && after.is_fresh() {
            Ok(())
        } else {
            Err(IllegalChange::BitsBegin)
        };
    };
    if before.bits() != after.bits() {
        return Err(IllegalChange::BitsBegin);
    }
    let changes = before.changes(after);
    let step = after.free().wrapping_sub(before.free());
    match changes.first {
        // Written again, or a bit given back that was free.
        None if step <= 1 => Ok(()),
        Some((_, true)) if changes.count == 1 && step == u64::MAX => Ok(()),
        Some((bit, false)) if changes.count == 1 && step == 1 => {
            if is_used(bit, beside) {
                Err(IllegalChange::BitInUse)
            } else {
                Ok(())
            }
        }
        None | Some(_) => Err(IllegalChange::BitsJump),
    }
}

pub(super) fn judge_delete(
    bits: &BitSequence,
    beside: &Neighbours<'_>,
) -> Result<(), IllegalChange> {
    let in_use = match beside.place.kind {
        RecordKind::Addresses(id) => {
            // The address of the network, and the one for broadcasts, are taken as soon as there is a pool.
            let last = bits.bits().saturating_sub(1);
            is_pool(id, beside) && bits.taken_without(&[0, last]) > 0
        }
        RecordKind::Ids(_) => !bits.is_fresh(),
        RecordKind::Node(_)
        | RecordKind::Network(_)
        | RecordKind::Endpoint(..)
        | RecordKind::EndpointCount(_)
        | RecordKind::Overlay(_)
        | RecordKind::Pools(_)
        | RecordKind::Directory
        | RecordKind::Beneath
        | RecordKind::Unknown => false,
    };
    if in_use {
        Err(IllegalChange::BitsInUse)
    } else {
        Ok(())
    }
}

/// The addresses of the pool that this is the bitmap of.
fn pool(beside: &Neighbours<'_>) -> Option<Cidr> {
    let RecordKind::Addresses(id) = beside.place.kind else {
        return None;
    };
    id.split_once('/')?.1.parse().ok()
}

/// Whether the address space has the pool.
fn is_pool(id: &str, beside: &Neighbours<'_>) -> bool {
    let space = id.split('/').next().unwrap_or_default();
    match beside.record(RecordKind::Pools(space)) {
        Some(CheckedRecord::Pools(pools)) => pools.contains_key(id),
        Some(_) | None => false,
    }
}

/// Whether a record has the address or the id that a bit stands for.
fn is_used(bit: u64, beside: &Neighbours<'_>) -> bool {
    match beside.place.kind {
        RecordKind::Ids(set) => {
            let vni = VXLAN_IDS.id(bit).filter(|_| set == VXLAN_IDS.name);
            vni.is_some_and(|vni| vni_is_used(vni, None, beside))
        }
        RecordKind::Addresses(id) => {
            let address = pool(beside).and_then(|pool| pool.nth(bit));
            address.is_some_and(|address| address_is_used(id, address, beside))
        }
        RecordKind::Node(_)
        | RecordKind::Network(_)
        | RecordKind::Endpoint(..)
        | RecordKind::EndpointCount(_)
        | RecordKind::Overlay(_)
        | RecordKind::Pools(_)
        | RecordKind::Directory
        | RecordKind::Beneath
        | RecordKind::Unknown => false,
    }
}

/// Whether a network has the address as its gateway, or one of its endpoints has it. Only networks of the pool are looked at.
fn address_is_used(pool: &str, address: Cidr, beside: &Neighbours<'_>) -> bool {
    let address = address.to_string();
    let mut networks = Vec::new();
    let of_pool = |id: &str| {
        id == pool
            || id
                .strip_prefix(pool)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    let is_gateway = beside.find("network", pool, |place, record| {
        let (RecordKind::Network(id), CheckedRecord::Network(network)) = (&place.kind, record)
        else {
            return false;
        };
        let mut own = network
            .pools
            .iter()
            .filter(|(id, _)| of_pool(id))
            .peekable();
        if own.peek().is_some() {
            networks.push((*id).to_owned());
        }
        !network.in_delete && own.any(|(_, gateway)| *gateway == address)
    });
    is_gateway
        || networks.iter().any(|network| {
            let directory = format!("endpoint/{network}");
            beside.find(&directory, &address, |_, record| {
                let CheckedRecord::Endpoint(endpoint) = record else {
                    return false;
                };
                let mut addresses = endpoint.addresses.iter();
                addresses.any(|(pool, own)| *own == address && of_pool(pool))
            })
        })
}

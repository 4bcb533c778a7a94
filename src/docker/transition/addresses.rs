//! Changes of bitmaps: `bitseq.set`, `NewHandle`, `CheckConsistency` and `Destroy`; and addresses of endpoints, which are allotted
//! by them.

use super::overlay::vni_is_used;
use super::{IllegalChange, Neighbours};
use crate::docker::check::{CheckedEndpoint, CheckedRecord};
use crate::docker::record_place::{RecordKind, RecordPlace};
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

/// Judges the addresses that an endpoint gets: each is of a pool of its network, taken in the pool's bitmap, and nobody else's.
/// What it had before it keeps, whatever became of its bit.
pub(super) fn judge_endpoint(
    before: Option<&CheckedEndpoint>,
    after: &CheckedEndpoint,
    beside: &Neighbours<'_>,
) -> Result<(), IllegalChange> {
    let RecordKind::Endpoint(network, _) = beside.place.kind else {
        return Ok(());
    };
    let is_kept = |address| before.is_some_and(|before| before.addresses.contains(address));
    for address in after.addresses.iter().filter(|address| !is_kept(address)) {
        let (pool, text) = address;
        if !is_pool_of(network, pool, beside) || !is_allotted(pool, text, beside) {
            return Err(IllegalChange::AddressNotAllotted);
        }
        // An endpoint that is left of a host that is gone does not keep its address from others.
        let is_others = |place: &RecordPlace<'_>, endpoint: &CheckedEndpoint| {
            place.kind != beside.place.kind && beside.is_up(&endpoint.locator)
        };
        let address = text.parse::<Cidr>();
        let text = address.map_or_else(|_| text.clone(), |address| address.to_string());
        if has_bitmap(pool, beside) && address_is_used(bitmap_of(pool), &text, &is_others, beside) {
            return Err(IllegalChange::AddressTaken);
        }
    }
    Ok(())
}

/// Whether a network has a pool. Of one that is not there nobody knows.
fn is_pool_of(network: &str, pool: &str, beside: &Neighbours<'_>) -> bool {
    match beside.record(RecordKind::Network(network)) {
        Some(CheckedRecord::Network(network)) => network.pools.iter().any(|(id, _)| id == pool),
        Some(_) | None => true,
    }
}

/// The id of the pool whose bitmap has the addresses of this one, which may be a part of it.
fn bitmap_of(pool: &str) -> &str {
    let end = pool.match_indices('/').nth(2).map(|(at, _)| at);
    end.and_then(|end| pool.get(..end)).unwrap_or(pool)
}

fn bitmap(pool: &str, beside: &Neighbours<'_>) -> Option<BitSequence> {
    match beside.record(RecordKind::Addresses(bitmap_of(pool))) {
        Some(CheckedRecord::Bits(bits)) => Some(bits),
        Some(_) | None => None,
    }
}

/// Whether a pool is one of libnetwork's own address manager; others keep their books elsewhere.
fn has_bitmap(pool: &str, beside: &Neighbours<'_>) -> bool {
    bitmap(pool, beside).is_some()
}

/// Whether the bit of an address is taken, where there are bits.
fn is_allotted(pool: &str, address: &str, beside: &Neighbours<'_>) -> bool {
    let Some(bits) = bitmap(pool, beside) else {
        return true;
    };
    let ordinal = || {
        let pool = cidr_of(bitmap_of(pool))?;
        let address: Cidr = address.parse().ok()?;
        pool.ordinal(address.address())
            .filter(|_| address.length() == pool.length())
    };
    ordinal().is_some_and(|bit| bit < bits.bits() && bits.is_taken(bit))
}

/// The addresses of the pool that this is the bitmap of.
fn pool(beside: &Neighbours<'_>) -> Option<Cidr> {
    let RecordKind::Addresses(id) = beside.place.kind else {
        return None;
    };
    cidr_of(id)
}

/// The addresses of a pool by its id.
fn cidr_of(id: &str) -> Option<Cidr> {
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
            address.is_some_and(|address| {
                address_is_used(id, &address.to_string(), &|_, _| true, beside)
            })
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

/// Whether a network has the address as its gateway, or an endpoint that counts has it. Only networks of the pool are looked at.
fn address_is_used(
    pool: &str,
    address: &str,
    counts: &dyn Fn(&RecordPlace<'_>, &CheckedEndpoint) -> bool,
    beside: &Neighbours<'_>,
) -> bool {
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
        !network.in_delete && own.any(|(_, gateway)| gateway == address)
    });
    is_gateway
        || networks.iter().any(|network| {
            let directory = format!("endpoint/{network}");
            beside.find(&directory, address, |place, record| {
                let CheckedRecord::Endpoint(endpoint) = record else {
                    return false;
                };
                let mut addresses = endpoint.addresses.iter();
                addresses.any(|(pool, own)| own == address && of_pool(pool))
                    && counts(place, endpoint)
            })
        })
}

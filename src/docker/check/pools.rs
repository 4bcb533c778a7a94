//! Address spaces: `addrSpace.UnmarshalJSON`, and that of its pools.

use std::collections::{BTreeMap, HashMap};

use super::fields::{cidr, field_text, integer, map, text};
use super::{Checked, CheckedRecord};
use crate::docker::go_value::{GoValue, unknown_fields};
use crate::docker::record_fault::RecordFault;
use crate::docker::{Cidr, PoolKey};

/// What of a pool its changes are judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedPool {
    /// The pool that it is a part of; empty for a whole one.
    pub parent: PoolKey,
    /// The addresses of the whole pool.
    pub pool: Cidr,
    /// Its own addresses, where it is a part: the network, the first and the last one's numbers.
    pub range: Option<(Cidr, String, String)>,
    /// How many networks use it.
    pub references: i64,
}

pub(super) fn check(bytes: &[u8]) -> Result<Checked, RecordFault> {
    let record = map(bytes)?;
    text(&record, "Scope")?;
    let mut pools = BTreeMap::new();
    match record.get("Subnets") {
        None | Some(GoValue::Null) => {}
        Some(subnets) => {
            let subnets = subnets.encoded_again();
            let fields = subnets
                .as_map()
                .ok_or(RecordFault::Undecodable("Subnets"))?;
            for (id, value) in fields {
                let key: PoolKey = id.parse().map_err(|_| RecordFault::BadPoolName)?;
                pools.insert(key.to_string(), pool(value)?);
            }
        }
    }
    check_parents(&pools)?;
    Ok(Checked {
        record: CheckedRecord::Pools(pools),
        unknown: unknown_fields(&record, &["Scope", "Subnets"]),
    })
}

fn pool(value: &GoValue) -> Result<CheckedPool, RecordFault> {
    if value.is_null() {
        return Err(RecordFault::NullElement("Subnets"));
    }
    if value.as_map().is_none() {
        return Err(RecordFault::Undecodable("Subnets"));
    }
    let mut parent = PoolKey::default();
    // Each adds to the one before.
    for key in value.fields("ParentKey").filter(|key| !key.is_null()) {
        if key.as_map().is_none() {
            return Err(RecordFault::Undecodable("ParentKey"));
        }
        for (name, part) in [
            ("AddressSpace", &mut parent.space),
            ("Subnet", &mut parent.subnet),
            ("ChildSubnet", &mut parent.child),
        ] {
            if key.fields(name).any(|value| !value.is_null()) {
                field_text(key, name)?.clone_into(part);
            }
        }
    }
    let mut range = None;
    for value in value.fields("Range") {
        range = if value.is_null() {
            None
        } else {
            Some(self::range(value)?)
        };
    }
    let network = cidr(field_text(value, "Pool")?, "Pool")?;
    // libnetwork takes an IPv4 address in IPv6 notation for IPv4, and its prefix for IPv6.
    let mapped =
        matches!(network.address(), std::net::IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
    if mapped {
        return Err(RecordFault::BadAddress("Pool"));
    }
    Ok(CheckedPool {
        parent,
        pool: network,
        range,
        references: integer(value, "RefCount")?,
    })
}

fn range(value: &GoValue) -> Result<(Cidr, String, String), RecordFault> {
    let number = |name| {
        let number = value.get(name).and_then(GoValue::as_number);
        number
            .map(|number| number.text.clone())
            .ok_or(RecordFault::Field(name))
    };
    if value.as_map().is_none() {
        return Err(RecordFault::Undecodable("Range"));
    }
    let sub = cidr(text(value, "Sub")?, "Sub")?;
    Ok((sub, number("Start")?, number("End")?))
}

/// That no pool is a part of itself, however far away, and none of one that is not there. A part of a part is none of
/// libnetwork's.
fn check_parents(pools: &BTreeMap<String, CheckedPool>) -> Result<(), RecordFault> {
    // By their names' parts: a name may be written so that another's text comes out.
    let by_key: HashMap<PoolKey, &CheckedPool> = pools
        .iter()
        .map(|(id, pool)| (id.parse().unwrap_or_default(), pool))
        .collect();
    for pool in pools.values() {
        let parent = by_key.get(&pool.parent);
        if parent.is_some_and(|parent| by_key.contains_key(&parent.parent)) {
            return Err(RecordFault::PoolCycle);
        }
        let is_whole = parent.is_some_and(|parent| parent.range.is_none());
        if pool.range.is_some() && !is_whole {
            return Err(RecordFault::PoolOrphan);
        }
    }
    Ok(())
}

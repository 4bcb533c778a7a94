//! Address space: all address pools of the cluster store, in one record.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Cidr;

/// The pools of an address space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressSpace {
    /// The scope of the store. libnetwork writes `global` when it creates the record, and nothing when it changes it.
    #[serde(rename = "Scope")]
    pub scope: String,
    /// The pools, by id.
    #[serde(default, rename = "Subnets")]
    pub pools: BTreeMap<String, AddressPool>,
}

/// A pool, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPool {
    /// The pool that this is a part of; empty for a whole pool.
    #[serde(rename = "ParentKey")]
    pub parent: PoolKey,
    /// The addresses of the whole pool.
    #[serde(rename = "Pool")]
    pub pool: Cidr,
    /// The part, if it is one.
    #[serde(default, rename = "Range", skip_serializing_if = "Option::is_none")]
    pub range: Option<AddressRange>,
    /// The number of networks that use it.
    #[serde(rename = "RefCount")]
    pub references: i64,
}

/// A part of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRange {
    /// The number of the last address.
    #[serde(rename = "End")]
    pub end: u64,
    /// The number of the first address.
    #[serde(rename = "Start")]
    pub start: u64,
    /// The part's own prefix.
    #[serde(rename = "Sub")]
    pub sub: Cidr,
}

/// The name of a pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PoolKey {
    /// The address space.
    #[serde(rename = "AddressSpace")]
    pub space: String,
    /// The pool.
    #[serde(rename = "Subnet")]
    pub subnet: String,
    /// The part of the pool, empty for all of it.
    #[serde(rename = "ChildSubnet")]
    pub child: String,
}

/// Why a pool is not added or removed.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PoolRefused {
    /// It overlaps another one.
    #[error("pool overlaps with other one on this address space")]
    Overlap,
    /// There is none of this name.
    #[error("address space does not contain specified address pool")]
    Unknown,
    /// The name is malformed.
    #[error("invalid pool id")]
    Malformed,
}

impl PoolKey {
    /// A whole pool.
    pub fn whole(space: &str, pool: Cidr) -> Self {
        Self {
            space: space.to_owned(),
            subnet: pool.to_string(),
            child: String::new(),
        }
    }
}

impl fmt::Display for PoolKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.space, self.subnet)?;
        if !self.child.is_empty() {
            write!(formatter, "/{}", self.child)?;
        }
        Ok(())
    }
}

impl FromStr for PoolKey {
    type Err = PoolRefused;

    fn from_str(text: &str) -> Result<Self, PoolRefused> {
        let parts: Vec<&str> = text.split('/').collect();
        let (space, subnet, child) = match parts.as_slice() {
            [space, address, length] => (space, [address, length], None),
            [space, address, length, child, child_length] => {
                (space, [address, length], Some([child, child_length]))
            }
            _ => return Err(PoolRefused::Malformed),
        };
        let join = |[address, length]: [&&str; 2]| format!("{address}/{length}");
        Ok(Self {
            space: (*space).to_owned(),
            subnet: join(subnet),
            child: child.map(join).unwrap_or_default(),
        })
    }
}

impl AddressSpace {
    /// An address space without pools.
    pub fn global() -> Self {
        Self {
            scope: "global".to_owned(),
            pools: BTreeMap::new(),
        }
    }

    /// Whether there is a pool that overlaps a network.
    pub fn overlaps(&self, network: Cidr) -> bool {
        self.pools
            .iter()
            .filter(|(id, _)| PoolKey::from_str(id).is_ok_and(|key| key.child.is_empty()))
            .any(|(_, pool)| pool.pool.overlaps(network))
    }

    /// Adds a pool, or a part of one. Returns the whole pool whose addresses nothing has counted yet, if there is one now.
    pub fn add(
        &mut self,
        key: &PoolKey,
        pool: Cidr,
        range: Option<AddressRange>,
    ) -> Result<Option<PoolKey>, PoolRefused> {
        if self.pools.contains_key(&key.to_string()) {
            return Err(PoolRefused::Overlap);
        }
        let whole = PoolKey::whole(&key.space, pool);
        if range.is_none() {
            if self.overlaps(pool) {
                return Err(PoolRefused::Overlap);
            }
            self.insert(key, PoolKey::default(), pool, None);
            return Ok(Some(key.clone()));
        }
        self.insert(key, whole.clone(), pool, range);
        if let Some(parent) = self.pools.get_mut(&whole.to_string()) {
            parent.references += 1;
            return Ok(None);
        }
        self.insert(&whole, PoolKey::default(), pool, None);
        Ok(Some(whole))
    }

    /// Removes a use of a pool. Returns the whole pool that nothing uses any more, if it is one.
    pub fn remove(&mut self, key: &PoolKey) -> Result<Option<PoolKey>, PoolRefused> {
        if !self.pools.contains_key(&key.to_string()) {
            return Err(PoolRefused::Unknown);
        }
        let mut key = key.clone();
        // The pool, then the one it is a part of; libnetwork's records have no longer chains.
        for _ in 0..2 {
            let id = key.to_string();
            let Some(pool) = self.pools.get_mut(&id) else {
                break;
            };
            pool.references -= 1;
            let (unused, whole) = (pool.references == 0, pool.range.is_none());
            let parent = pool.parent.clone();
            if unused {
                self.pools.remove(&id);
                if whole {
                    return Ok(Some(key));
                }
            }
            key = parent;
        }
        Ok(None)
    }

    /// The whole pool of a pool's id, and the numbers of the addresses that may be allotted.
    pub fn resolve(&self, key: &PoolKey) -> Option<(PoolKey, Cidr, Option<AddressRange>)> {
        let pool = self.pools.get(&key.to_string())?;
        match &pool.range {
            None => Some((key.clone(), pool.pool, None)),
            Some(range) => Some((pool.parent.clone(), pool.pool, Some(range.clone()))),
        }
    }

    fn insert(&mut self, key: &PoolKey, parent: PoolKey, pool: Cidr, range: Option<AddressRange>) {
        self.pools.insert(
            key.to_string(),
            AddressPool {
                parent,
                pool,
                range,
                references: 1,
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{decode, encode};

    const CREATED: &[u8] = br#"{"Scope":"global","Subnets":{"GlobalDefault/10.55.0.0/24":{"ParentKey":{"AddressSpace":"","Subnet":"","ChildSubnet":""},"Pool":"10.55.0.0/24","RefCount":1}}}"#;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_recorded_value_is_encoded_as_it_was() {
        let space: AddressSpace = decode(CREATED).unwrap();
        assert_eq!(encode(&space).unwrap(), CREATED);
        let emptied = br#"{"Scope":"","Subnets":{}}"#;
        let space: AddressSpace = decode(emptied).unwrap();
        assert_eq!(encode(&space).unwrap(), emptied);
    }

    #[test]
    fn a_pool_is_added_and_removed_as_recorded() {
        let mut space = AddressSpace::global();
        let pool = cidr("10.55.0.0/24");
        let key = PoolKey::whole("GlobalDefault", pool);
        assert_eq!(space.add(&key, pool, None), Ok(Some(key.clone())));
        assert_eq!(encode(&space).unwrap(), CREATED);
        let wider = cidr("10.0.0.0/8");
        assert_eq!(
            space.add(&PoolKey::whole("GlobalDefault", wider), wider, None),
            Err(PoolRefused::Overlap)
        );
        assert_eq!("GlobalDefault/10.55.0.0/24".parse(), Ok(key.clone()));
        assert_eq!(space.remove(&key), Ok(Some(key.clone())));
        assert_eq!(space.remove(&key), Err(PoolRefused::Unknown));
        assert!(space.pools.is_empty());
    }

    #[test]
    fn a_part_of_a_pool_counts_the_whole_one() {
        let mut space = AddressSpace::global();
        let pool = cidr("10.1.0.0/16");
        let part = |text: &str, start: u64| {
            let mut key = PoolKey::whole("GlobalDefault", pool);
            key.child = text.to_owned();
            let range = AddressRange {
                end: start + 255,
                start,
                sub: cidr(text),
            };
            (key, range)
        };
        let whole = PoolKey::whole("GlobalDefault", pool);
        let (first, range) = part("10.1.5.0/24", 1280);
        assert_eq!(
            space.add(&first, pool, Some(range.clone())),
            Ok(Some(whole.clone()))
        );
        assert_eq!(
            space.resolve(&first),
            Some((whole.clone(), pool, Some(range)))
        );
        let (second, range) = part("10.1.6.0/24", 1536);
        assert_eq!(space.add(&second, pool, Some(range)), Ok(None));
        assert_eq!(
            "GlobalDefault/10.1.0.0/16/10.1.6.0/24".parse(),
            Ok(second.clone())
        );
        let bytes = encode(&space).unwrap();
        assert_eq!(decode::<AddressSpace>(&bytes).unwrap(), space);
        assert_eq!(space.remove(&first), Ok(None));
        assert_eq!(space.remove(&second), Ok(Some(whole)));
    }
}

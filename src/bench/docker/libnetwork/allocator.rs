//! Allocator of pools and addresses: libnetwork's default address management.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::bit_handle::BitHandle;
use super::datastore::{Datastore, Swap};
use crate::bench::docker::observer::StepFailure;
use crate::docker::{AddressSpace, BitSequence, Cidr, PoolKey, PoolRefused};

/// The address space of networks on several hosts.
pub(super) const SPACE: &str = "GlobalDefault";

/// The number of default pools, `10.0.0.0/24` to `10.255.255.0/24`.
const DEFAULT_POOLS: u32 = 1 << 16;

/// What a daemon remembers of pools and addresses.
#[derive(Debug)]
pub(super) struct Allocator {
    space: AddressSpace,
    index: Option<u64>,
    bitmaps: HashMap<String, BitHandle>,
    /// The default pool that the search for the next one begins with.
    first_default: u32,
}

impl Allocator {
    /// An allocator that has not seen the store.
    pub(super) fn new() -> Self {
        Self {
            space: AddressSpace::global(),
            index: None,
            bitmaps: HashMap::new(),
            first_default: 0,
        }
    }

    /// Reads all pools and the bit sequences of their addresses.
    pub(super) async fn start(&mut self, store: &Datastore) -> Result<(), StepFailure> {
        self.refresh(store).await?;
        let whole = self.space.pools.iter();
        let whole: Vec<(PoolKey, Cidr)> = whole
            .filter(|(_, pool)| pool.range.is_none())
            .filter_map(|(id, pool)| Some((id.parse().ok()?, pool.pool)))
            .collect();
        for (key, pool) in &whole {
            self.open_bitmap(store, key, *pool).await?;
        }
        for (key, _) in &whole {
            if let Some(bitmap) = self.bitmaps.get_mut(&key.to_string()) {
                bitmap.check(store).await?;
            }
        }
        Ok(())
    }

    /// Reserves a pool: the given one, or the next of the default pools that is free.
    pub(super) async fn request_pool(
        &mut self,
        store: &Datastore,
        wanted: Option<Cidr>,
    ) -> Result<(PoolKey, Cidr), StepFailure> {
        loop {
            let pool = match wanted {
                Some(pool) => pool.network(),
                None => self.next_default()?,
            };
            let key = PoolKey::whole(SPACE, pool);
            self.refresh(store).await?;
            let taken = wanted.is_none() && self.space.pools.contains_key(&key.to_string());
            if taken {
                continue;
            }
            self.space.add(&key, pool, None).map_err(refused)?;
            let store_key = store.keys().address_space(SPACE);
            match store
                .put_atomic(&store_key, &self.space, self.index)
                .await?
            {
                Swap::Done(index) => self.index = Some(index),
                Swap::Lost => continue,
            }
            self.open_bitmap(store, &key, pool).await?;
            return Ok((key, pool));
        }
    }

    /// Gives a pool back.
    pub(super) async fn release_pool(
        &mut self,
        store: &Datastore,
        key: &PoolKey,
    ) -> Result<(), StepFailure> {
        let store_key = store.keys().address_space(SPACE);
        loop {
            self.refresh(store).await?;
            let pool = self.space.pools.get(&key.to_string()).map(|pool| pool.pool);
            let unused = self.space.remove(key).map_err(refused)?;
            match store
                .put_atomic(&store_key, &self.space, self.index)
                .await?
            {
                Swap::Done(index) => self.index = Some(index),
                Swap::Lost => continue,
            }
            if let (Some(unused), Some(pool)) = (unused, pool) {
                let bitmap = self.bitmap(store, &unused, pool).await?;
                bitmap.destroy(store).await?;
            }
            return Ok(());
        }
    }

    /// Allots an address of a pool: the given one, or the first that is free.
    pub(super) async fn request_address(
        &mut self,
        store: &Datastore,
        key: &PoolKey,
        wanted: Option<IpAddr>,
    ) -> Result<Cidr, StepFailure> {
        self.refresh(store).await?;
        let resolved = self.space.resolve(key);
        let (whole, pool, range) = resolved.ok_or(StepFailure::NotFound("address pool"))?;
        let bitmap = self.bitmap(store, &whole, pool).await?;
        let ordinal = if let Some(address) = wanted {
            let bit = pool.ordinal(address);
            let bit = bit.ok_or(StepFailure::NotFound("address in its pool"))?;
            bitmap.take(store, bit).await?.then_some(bit)
        } else {
            let range = range.map(|range| (range.start, range.end));
            bitmap.take_any(store, range, false).await?
        };
        ordinal
            .and_then(|ordinal| pool.nth(ordinal))
            .ok_or(StepFailure::Exhausted("addresses"))
    }

    /// Gives an address back.
    pub(super) async fn release_address(
        &mut self,
        store: &Datastore,
        key: &PoolKey,
        address: IpAddr,
    ) -> Result<(), StepFailure> {
        self.refresh(store).await?;
        let resolved = self.space.resolve(key);
        let (whole, pool, _range) = resolved.ok_or(StepFailure::NotFound("address pool"))?;
        let bit = pool.ordinal(address);
        let bit = bit.ok_or(StepFailure::NotFound("address in its pool"))?;
        self.bitmap(store, &whole, pool)
            .await?
            .release(store, bit)
            .await
    }

    async fn refresh(&mut self, store: &Datastore) -> Result<(), StepFailure> {
        let key = store.keys().address_space(SPACE);
        // A record that is gone leaves what was seen last.
        if let Some(stored) = store.get::<AddressSpace>(&key).await? {
            self.space = stored.record;
            self.index = Some(stored.index);
            // libnetwork reads the pools alone, and so writes no scope from then on.
            self.space.scope.clear();
        }
        Ok(())
    }

    async fn bitmap(
        &mut self,
        store: &Datastore,
        key: &PoolKey,
        pool: Cidr,
    ) -> Result<&mut BitHandle, StepFailure> {
        if !self.bitmaps.contains_key(&key.to_string()) {
            self.open_bitmap(store, key, pool).await?;
        }
        let bitmap = self.bitmaps.get_mut(&key.to_string());
        bitmap.ok_or(StepFailure::NotFound("bit sequence"))
    }

    /// Opens the bit sequence of a pool, in which the network's own address is taken and, in IPv4, the broadcast address.
    async fn open_bitmap(
        &mut self,
        store: &Datastore,
        key: &PoolKey,
        pool: Cidr,
    ) -> Result<(), StepFailure> {
        let id = key.to_string();
        let addresses = pool.addresses();
        let store_key = store.keys().addresses(key);
        let free = BitSequence::new(addresses);
        let mut bitmap = BitHandle::open(store, store_key, id.clone(), free).await?;
        bitmap.take(store, 0).await?;
        if pool.address().is_ipv4() {
            bitmap.take(store, addresses.saturating_sub(1)).await?;
        }
        self.bitmaps.insert(id, bitmap);
        Ok(())
    }

    /// The next default pool that is free, as far as this daemon knows.
    fn next_default(&mut self) -> Result<Cidr, StepFailure> {
        for offset in 0..DEFAULT_POOLS {
            let number = (self.first_default + offset) % DEFAULT_POOLS;
            let Some(pool) = default_pool(number) else {
                continue;
            };
            let key = PoolKey::whole(SPACE, pool);
            if self.space.pools.contains_key(&key.to_string()) || self.space.overlaps(pool) {
                continue;
            }
            let next = self.first_default + offset + 1;
            self.first_default = if next < DEFAULT_POOLS { next } else { 0 };
            return Ok(pool);
        }
        Err(StepFailure::Exhausted("default pools"))
    }
}

fn default_pool(number: u32) -> Option<Cidr> {
    let address = Ipv4Addr::from_bits((10 << 24) | (number << 8));
    Cidr::new(address.into(), 24)
}

fn refused(error: PoolRefused) -> StepFailure {
    match error {
        PoolRefused::Overlap => StepFailure::Race("pool overlaps with another one"),
        PoolRefused::Unknown => StepFailure::NotFound("address pool"),
        PoolRefused::Malformed => StepFailure::Malformed("pool id"),
    }
}

//! `docker network create -d overlay`.

use super::Daemon;
use super::allocator::SPACE;
use super::datastore::Swap;
use crate::bench::docker::observer::StepFailure;
use crate::docker::{
    Cidr, EndpointCount, IpamConfig, IpamData, IpamInfo, NestedJson, NetworkRecord, OverlaySubnet,
};

impl Daemon {
    /// Creates an overlay network with a pool, or with one of the default pools. Returns its id.
    pub async fn create_network(
        &mut self,
        name: &str,
        subnet: Option<Cidr>,
    ) -> Result<String, StepFailure> {
        if self.networks().await?.by_name(name).is_ok() {
            return Err(StepFailure::Race("network exists"));
        }
        let (pool_key, pool) = self.allocator.request_pool(&self.store, subnet).await?;
        let request = self.allocator.request_address(&self.store, &pool_key, None);
        let gateway = request.await?;

        let id = self.new_id();
        let overlay_subnet = OverlaySubnet {
            subnet: pool,
            gateway,
            vni: 0,
        };
        let mut driver = self.driver.lock().await;
        driver.create_network(&id, vec![overlay_subnet]).await?;
        drop(driver);

        // The day does not matter, the number of digits does.
        let nanoseconds = self.random.u32(0..99_999_999) * 10 + 1;
        let created = format!("2026-01-01T00:00:00.{nanoseconds:09}Z");
        let record = NetworkRecord {
            address_space: SPACE.to_owned(),
            ipam_v4_config: Some(NestedJson(vec![IpamConfig {
                preferred_pool: subnet.map(|subnet| subnet.to_string()).unwrap_or_default(),
                ..IpamConfig::default()
            }])),
            ipam_v4_info: Some(NestedJson(vec![IpamInfo {
                data: NestedJson(IpamData {
                    address_space: SPACE.to_owned(),
                    auxiliary: None,
                    gateway: Some(gateway),
                    pool: Some(pool),
                }),
                meta: None,
                pool_id: pool_key.to_string(),
            }])),
            ..NetworkRecord::overlay(id.clone(), name.to_owned(), created)
        };
        let count = EndpointCount::default();
        let key = self.store.keys().endpoint_count(&id);
        let counted = self.store.put_atomic(&key, &count, None).await?;
        let key = self.store.keys().network(&id);
        let written = self.store.put_atomic(&key, &record, None).await?;
        match (counted, written) {
            (Swap::Done(_), Swap::Done(_)) => Ok(id),
            _ => Err(StepFailure::Race("network exists")),
        }
    }
}

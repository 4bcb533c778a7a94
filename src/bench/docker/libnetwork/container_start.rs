//! `docker run` of a container on an overlay network.

use std::net::IpAddr;

use super::Daemon;
use super::daemon::Sandbox;
use super::datastore::{Datastore, Stored, Swap};
use super::ids::short;
use super::lookup::FoundNetwork;
use crate::bench::docker::observer::StepFailure;
use crate::docker::{Cidr, EndpointCount, EndpointInterface, EndpointRecord, JoinInfo, PoolKey};

/// An endpoint that was created.
struct NewEndpoint {
    network: String,
    id: String,
    address: Cidr,
}

impl Daemon {
    /// Starts a container on a network. Returns its address.
    pub async fn start_container(
        &mut self,
        container: &str,
        network: &str,
    ) -> Result<Cidr, StepFailure> {
        // Once to create the container, once to start it.
        self.networks().await?;
        let network = self.networks().await?.by_name(network)?.network.record.id;
        let sandbox = self.new_id();
        let endpoint = self.create_endpoint(container, &network, &sandbox).await?;
        // The daemon fills in the container's settings.
        self.endpoint(&network, &endpoint.id).await?;
        self.join(&endpoint, &sandbox).await?;
        let gateway_endpoint = self.connect_gateway().await?;
        self.read_settings(&endpoint, &gateway_endpoint).await?;
        self.local.sandboxes.push(Sandbox {
            id: sandbox,
            container: container.to_owned(),
            network,
            endpoint: endpoint.id,
            gateway_endpoint,
        });
        Ok(endpoint.address)
    }

    /// Creates an endpoint that no sandbox has joined.
    async fn create_endpoint(
        &mut self,
        container: &str,
        network: &str,
        alias: &str,
    ) -> Result<NewEndpoint, StepFailure> {
        // Is there one of this name?
        self.endpoints(network).await?;
        let found = self.networks().await?.by_id(network)?;
        let (pool, address) = self.request_endpoint_address(&found).await?;
        let created = self
            .write_endpoint(container, alias, &found, &pool, address)
            .await;
        if created.is_err() {
            let release = self
                .allocator
                .release_address(&self.store, &pool, address.address());
            // The failure that led here is the one to report.
            let _released = release.await;
        }
        created
    }

    async fn request_endpoint_address(
        &mut self,
        found: &FoundNetwork,
    ) -> Result<(PoolKey, Cidr), StepFailure> {
        let pools = found.network.record.ipam_v4_info.as_ref();
        for pool in pools.map(|pools| pools.0.as_slice()).unwrap_or_default() {
            let key: PoolKey = pool
                .pool_id
                .parse()
                .map_err(|_| StepFailure::Malformed("pool id"))?;
            let request = self.allocator.request_address(&self.store, &key, None);
            match request.await {
                Ok(address) => return Ok((key, address)),
                Err(StepFailure::Exhausted(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(StepFailure::Exhausted("addresses"))
    }

    async fn write_endpoint(
        &mut self,
        container: &str,
        alias: &str,
        found: &FoundNetwork,
        pool: &PoolKey,
        address: Cidr,
    ) -> Result<NewEndpoint, StepFailure> {
        let network = found.network.record.id.as_str();
        self.driver.lock().await.create_endpoint(network).await?;
        let id = self.new_id();
        let locator = self.identity.address.clone();
        let mut record = EndpointRecord {
            interface: Some(EndpointInterface {
                address: Some(address),
                mac: Some(hardware_address(address.address())),
                pool: pool.to_string(),
                ..EndpointInterface::default()
            }),
            aliases: Some(vec![short(alias).to_owned()]),
            ..EndpointRecord::new(id.clone(), container.to_owned(), locator)
        };
        if !self.identity.dns.is_empty() {
            record.set_dns_servers(&self.identity.dns);
        }
        let key = self.store.keys().endpoint(network, &id);
        let Swap::Done(index) = self.store.put_atomic(&key, &record, None).await? else {
            return Err(StepFailure::Race("endpoint exists"));
        };
        self.watch_endpoint(network, &id);
        if let Err(failure) = count(&self.store, network, &found.count, true).await {
            self.unwatch_endpoint(network, &id);
            let _deleted = self.store.delete_atomic(&key, index).await;
            return Err(failure);
        }
        Ok(NewEndpoint {
            network: network.to_owned(),
            id,
            address,
        })
    }

    /// The sandbox joins the endpoint.
    async fn join(&mut self, endpoint: &NewEndpoint, sandbox: &str) -> Result<(), StepFailure> {
        let mut stored = self.endpoint(&endpoint.network, &endpoint.id).await?;
        let mut driver = self.driver.lock().await;
        driver.join(&endpoint.network, endpoint.address).await?;
        drop(driver);
        self.gossip.endpoint_changed(&endpoint.network);
        let source_name = format!("veth{:07x}", self.random.u32(..1 << 28));
        let record = &mut stored.record;
        sandbox.clone_into(&mut record.sandbox);
        record.join_info = Some(JoinInfo::default());
        if let Some(interface) = &mut record.interface {
            interface.source_name = source_name;
            "eth".clone_into(&mut interface.name_prefix);
        }
        self.write_existing_endpoint(&endpoint.network, &stored)
            .await
    }

    /// Writes an endpoint that this host alone writes.
    pub(super) async fn write_existing_endpoint(
        &self,
        network: &str,
        endpoint: &Stored<EndpointRecord>,
    ) -> Result<(), StepFailure> {
        let key = self.store.keys().endpoint(network, &endpoint.record.id);
        let write = self
            .store
            .put_atomic(&key, &endpoint.record, Some(endpoint.index));
        match write.await? {
            Swap::Done(_) => Ok(()),
            Swap::Lost => Err(StepFailure::Race("endpoint was changed")),
        }
    }

    /// Connects the container with the local gateway network, which the first one creates. Returns the endpoint.
    async fn connect_gateway(&mut self) -> Result<String, StepFailure> {
        self.networks().await?;
        let network = if let Some(network) = &self.local.gateway_network {
            network.clone()
        } else {
            self.networks().await?;
            let network = self.new_id();
            self.local.gateway_network.insert(network).clone()
        };
        self.endpoints(&network).await?;
        self.networks().await?;
        let endpoint = self.new_id();
        self.local_endpoint(&network, &endpoint).await?;
        Ok(endpoint)
    }

    /// Reads the ports and gateways of the endpoints, for the container's settings.
    async fn read_settings(
        &self,
        endpoint: &NewEndpoint,
        gateway_endpoint: &str,
    ) -> Result<(), StepFailure> {
        let (network, id) = (&endpoint.network, &endpoint.id);
        self.endpoint(network, id).await?;
        self.read_gateway(gateway_endpoint).await?;
        self.endpoint(network, id).await?;
        self.endpoint(network, id).await?;
        self.read_gateway(gateway_endpoint).await?;
        self.read_gateway(gateway_endpoint).await
    }

    async fn read_gateway(&self, endpoint: &str) -> Result<(), StepFailure> {
        let network = self.local.gateway_network.as_deref().unwrap_or_default();
        self.local_endpoint(network, endpoint).await?;
        self.networks().await?;
        Ok(())
    }
}

/// Counts an endpoint that comes or goes, from the count that was listed.
pub(super) async fn count(
    store: &Datastore,
    network: &str,
    listed: &Stored<EndpointCount>,
    comes: bool,
) -> Result<(), StepFailure> {
    let key = store.keys().endpoint_count(network);
    let missing = || StepFailure::NotFound("endpoint count");
    store
        .get::<EndpointCount>(&key)
        .await?
        .ok_or_else(missing)?;
    let mut known = listed.clone();
    loop {
        let changed = if comes {
            known.record.incremented()
        } else {
            known.record.decremented()
        };
        match store.put_atomic(&key, &changed, Some(known.index)).await? {
            Swap::Done(_) => return Ok(()),
            Swap::Lost => known = store.get(&key).await?.ok_or_else(missing)?,
        }
    }
}

/// The hardware address that libnetwork makes of an IPv4 address.
fn hardware_address(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
        }
        IpAddr::V6(_) => "02:42:00:00:00:00".to_owned(),
    }
}

//! Docker's records as they are in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use kubekv::docker::{
    BitSequenceRecord, Cidr, EndpointCount, EndpointRecord, OverlayRecord, decode,
};
use serde_json::Value;
use support::http_client::request;

/// All keys below `docker/network/v1.0`, with their values.
pub(crate) struct Records(BTreeMap<String, String>);

impl Records {
    /// Reads all keys from an etcd face.
    pub(crate) async fn read(etcd: SocketAddr) -> Self {
        let target = "/v2/keys/docker/network/v1.0?recursive=true&quorum=true";
        let answer = request(etcd, "GET", target, &[], b"").await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        let mut found = BTreeMap::new();
        collect(&answer["node"], &mut found);
        Self(found)
    }

    fn below(&self, directory: &str) -> impl Iterator<Item = (&str, &str)> {
        let directory = format!("/docker/network/v1.0/{directory}/");
        self.0
            .iter()
            .filter_map(move |(key, value)| Some((key.strip_prefix(&directory)?, value.as_str())))
    }

    /// The endpoint counts, in order of the networks' ids.
    pub(crate) fn counts(&self) -> Vec<u64> {
        let counts = self.below("endpoint_count");
        let read = |value: &str| decode::<EndpointCount>(value.as_bytes()).unwrap();
        counts.map(|(_, value)| read(value).count).collect()
    }

    /// How many endpoints there are, in order of the networks' ids.
    pub(crate) fn endpoints(&self) -> Vec<u64> {
        let counts = self.below("endpoint_count");
        let of = |network| self.below(&format!("endpoint/{network}")).map(|_| 1).sum();
        counts.map(|(network, _)| of(network)).collect()
    }

    /// The addresses of all endpoints.
    pub(crate) fn addresses(&self) -> BTreeSet<Cidr> {
        let endpoints = self.below("endpoint");
        let read = |value: &str| decode::<EndpointRecord>(value.as_bytes()).unwrap();
        endpoints
            .map(|(_, value)| read(value).interface.unwrap().address.unwrap())
            .collect()
    }

    /// The VXLAN ids of all subnets.
    pub(crate) fn vnis(&self) -> BTreeSet<u32> {
        let overlays = self.below("overlay/network");
        let read = |value: &str| decode::<OverlayRecord>(value.as_bytes()).unwrap();
        overlays
            .flat_map(|(_, value)| read(value).subnets)
            .map(|subnet| subnet.vni)
            .collect()
    }

    /// The bit sequences of the pools.
    pub(crate) fn bitmaps(&self) -> Vec<BitSequenceRecord> {
        let bitmaps = self.below("ipam/default/data");
        bitmaps
            .map(|(_, value)| decode(value.as_bytes()).unwrap())
            .collect()
    }

    /// How many addresses of each pool are free.
    pub(crate) fn free(&self) -> Vec<u64> {
        let bitmaps = self.bitmaps().into_iter();
        bitmaps.map(|bitmap| bitmap.sequence.free()).collect()
    }
}

fn collect(node: &Value, found: &mut BTreeMap<String, String>) {
    if let Some(value) = node["value"].as_str() {
        found.insert(node["key"].as_str().unwrap().to_owned(), value.to_owned());
    }
    for child in node["nodes"].as_array().unwrap_or(&Vec::new()) {
        collect(child, found);
    }
}

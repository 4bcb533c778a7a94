//! Network record, and the pools it has as strings of JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Cidr, NestedJson};

/// A network. The names of the fields sort as Go sorts them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the fields are libnetwork's")]
pub struct NetworkRecord {
    /// The address space of its pools.
    #[serde(default, rename = "addrSpace")]
    pub address_space: String,
    /// Whether containers outside of services may attach to it.
    #[serde(default)]
    pub attachable: bool,
    /// The network that it has its configuration from.
    #[serde(default, rename = "configFrom")]
    pub config_from: String,
    /// Whether it is a configuration only.
    #[serde(default, rename = "configOnly")]
    pub config_only: bool,
    /// The time of its creation, in RFC 3339 with up to nine digits of a second.
    #[serde(default)]
    pub created: String,
    /// Whether it has IPv6 pools.
    #[serde(rename = "enableIPv6")]
    pub enable_ipv6: bool,
    /// Options of the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generic: Option<BTreeMap<String, Value>>,
    /// The id.
    pub id: String,
    /// Whether a daemon is removing it.
    #[serde(default, rename = "inDelete")]
    pub in_delete: bool,
    /// Whether it carries the traffic of published ports in a swarm.
    #[serde(default)]
    pub ingress: bool,
    /// Whether it has no gateway.
    #[serde(default)]
    pub internal: bool,
    /// Options of the address manager.
    #[serde(default, rename = "ipamOptions")]
    pub ipam_options: Option<BTreeMap<String, String>>,
    /// The address manager.
    #[serde(default = "default_ipam", rename = "ipamType")]
    pub ipam_type: String,
    /// The IPv4 pools that were asked for.
    #[serde(
        default,
        rename = "ipamV4Config",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipam_v4_config: Option<NestedJson<Vec<IpamConfig>>>,
    /// The IPv4 pools that were allotted.
    #[serde(
        default,
        rename = "ipamV4Info",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipam_v4_info: Option<NestedJson<Vec<IpamInfo>>>,
    /// The IPv6 pools that were asked for.
    #[serde(
        default,
        rename = "ipamV6Config",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipam_v6_config: Option<NestedJson<Vec<IpamConfig>>>,
    /// The IPv6 pools that were allotted.
    #[serde(
        default,
        rename = "ipamV6Info",
        skip_serializing_if = "Option::is_none"
    )]
    pub ipam_v6_info: Option<NestedJson<Vec<IpamInfo>>>,
    /// The labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// The address of its load balancer, empty if it has none.
    #[serde(default, rename = "loadBalancerIP")]
    pub load_balancer_ip: String,
    /// The mode of its load balancer.
    #[serde(default = "default_load_balancer", rename = "loadBalancerMode")]
    pub load_balancer_mode: String,
    /// The name.
    pub name: String,
    /// The driver.
    #[serde(rename = "networkType")]
    pub network_type: String,
    /// Whether it is kept in the store.
    #[serde(default)]
    pub persist: bool,
    /// Whether IPv6 addresses are assigned after the driver's.
    #[serde(default, rename = "postIPv6")]
    pub post_ipv6: bool,
    /// The scope.
    #[serde(default)]
    pub scope: String,
}

/// A pool that was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamConfig {
    /// The pool, empty for one of the default pools.
    #[serde(rename = "PreferredPool")]
    pub preferred_pool: String,
    /// The part of the pool that containers get addresses from.
    #[serde(rename = "SubPool")]
    pub sub_pool: String,
    /// The gateway's address.
    #[serde(rename = "Gateway")]
    pub gateway: String,
    /// Addresses that containers do not get.
    #[serde(rename = "AuxAddresses")]
    pub auxiliary: Option<BTreeMap<String, String>>,
}

/// A pool that was allotted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpamInfo {
    /// The pool and its gateway.
    #[serde(rename = "IPAMData")]
    pub data: NestedJson<IpamData>,
    /// What the address manager said about the pool.
    #[serde(default, rename = "Meta", skip_serializing_if = "Option::is_none")]
    pub meta: Option<BTreeMap<String, String>>,
    /// The pool's id.
    #[serde(rename = "PoolID")]
    pub pool_id: String,
}

/// A pool and its gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpamData {
    /// The address space.
    #[serde(rename = "AddressSpace")]
    pub address_space: String,
    /// Addresses that containers do not get.
    #[serde(
        default,
        rename = "AuxAddresses",
        skip_serializing_if = "Option::is_none"
    )]
    pub auxiliary: Option<BTreeMap<String, Cidr>>,
    /// The gateway.
    #[serde(default, rename = "Gateway", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Cidr>,
    /// The pool.
    #[serde(default, rename = "Pool", skip_serializing_if = "Option::is_none")]
    pub pool: Option<Cidr>,
}

fn default_ipam() -> String {
    "default".to_owned()
}

fn default_load_balancer() -> String {
    "NAT".to_owned()
}

impl NetworkRecord {
    /// An overlay network as `docker network create -d overlay` makes it, without pools yet.
    pub fn overlay(id: String, name: String, created: String) -> Self {
        Self {
            address_space: String::new(),
            attachable: false,
            config_from: String::new(),
            config_only: false,
            created,
            enable_ipv6: false,
            generic: Some(BTreeMap::from([
                (
                    "com.docker.network.enable_ipv6".to_owned(),
                    Value::Bool(false),
                ),
                ("com.docker.network.generic".to_owned(), json!({})),
            ])),
            id,
            in_delete: false,
            ingress: false,
            internal: false,
            ipam_options: Some(BTreeMap::new()),
            ipam_type: default_ipam(),
            ipam_v4_config: None,
            ipam_v4_info: None,
            ipam_v6_config: None,
            ipam_v6_info: None,
            labels: Some(BTreeMap::new()),
            load_balancer_ip: String::new(),
            load_balancer_mode: default_load_balancer(),
            name,
            network_type: "overlay".to_owned(),
            persist: true,
            post_ipv6: false,
            scope: "global".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{decode, encode};

    const CREATED: &[u8] = br#"{"addrSpace":"GlobalDefault","attachable":false,"configFrom":"","configOnly":false,"created":"2026-11-23T17:09:03.013189785Z","enableIPv6":false,"generic":{"com.docker.network.enable_ipv6":false,"com.docker.network.generic":{}},"id":"1b724658d03a3883fa0268d6412650a0e2a624a5e6d478d57cc62131803d548e","inDelete":false,"ingress":false,"internal":false,"ipamOptions":{},"ipamType":"default","ipamV4Config":"[{\"PreferredPool\":\"10.55.0.0/24\",\"SubPool\":\"\",\"Gateway\":\"\",\"AuxAddresses\":null}]","ipamV4Info":"[{\"IPAMData\":\"{\\\"AddressSpace\\\":\\\"GlobalDefault\\\",\\\"Gateway\\\":\\\"10.55.0.1/24\\\",\\\"Pool\\\":\\\"10.55.0.0/24\\\"}\",\"PoolID\":\"GlobalDefault/10.55.0.0/24\"}]","labels":{},"loadBalancerIP":"","loadBalancerMode":"NAT","name":"ov1","networkType":"overlay","persist":true,"postIPv6":false,"scope":"global"}"#;

    #[test]
    fn a_recorded_value_is_encoded_as_it_was() {
        let record: NetworkRecord = decode(CREATED).unwrap();
        assert_eq!(
            String::from_utf8(encode(&record).unwrap()).unwrap(),
            String::from_utf8(CREATED.to_vec()).unwrap()
        );
        let info = record.ipam_v4_info.unwrap().0;
        assert_eq!(
            info[0].data.0.gateway,
            Some("10.55.0.1/24".parse().unwrap())
        );
    }

    #[test]
    fn a_network_is_created_as_dockerd_creates_it() {
        let recorded: NetworkRecord = decode(CREATED).unwrap();
        let mut created = NetworkRecord::overlay(
            recorded.id.clone(),
            "ov1".to_owned(),
            recorded.created.clone(),
        );
        created.address_space = "GlobalDefault".to_owned();
        created.ipam_v4_config = recorded.ipam_v4_config.clone();
        created.ipam_v4_info = recorded.ipam_v4_info.clone();
        assert_eq!(created, recorded);
    }
}

//! Endpoint record: a container's place in a network.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Cidr;

/// An endpoint. The names of the fields sort as Go sorts them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Whether peers resolve no name of the endpoint but its aliases.
    #[serde(default)]
    pub anonymous: bool,
    /// Whether the container does without the resolver.
    #[serde(default, rename = "disableResolution")]
    pub disable_resolution: bool,
    /// The interface.
    #[serde(default, rename = "ep_iface")]
    pub interface: Option<EndpointInterface>,
    /// The ports that the image exposes.
    #[serde(default)]
    pub exposed_ports: Option<Vec<TransportPort>>,
    /// Options of the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generic: Option<BTreeMap<String, Value>>,
    /// The id.
    pub id: String,
    /// Ports of a service.
    #[serde(default, rename = "ingressPorts")]
    pub ingress_ports: Option<Vec<Value>>,
    /// What the sandbox got from the driver when it joined.
    #[serde(default, rename = "joinInfo")]
    pub join_info: Option<JoinInfo>,
    /// Whether this is the endpoint of a load balancer.
    #[serde(default, rename = "loadBalancer")]
    pub load_balancer: bool,
    /// The IP address of the host that has the container.
    #[serde(default)]
    pub locator: String,
    /// Names that peers resolve besides the endpoint's.
    #[serde(default, rename = "myAliases")]
    pub aliases: Option<Vec<String>>,
    /// The name, which is the container's.
    pub name: String,
    /// The id of the sandbox that joined, empty before and after.
    #[serde(default)]
    pub sandbox: String,
    /// Names of a service.
    #[serde(default, rename = "svcAliases")]
    pub service_aliases: Option<Vec<String>>,
    /// The id of a service.
    #[serde(default, rename = "svcID")]
    pub service_id: String,
    /// The name of a service.
    #[serde(default, rename = "svcName")]
    pub service_name: String,
    /// The address of a service, `<nil>` if there is none.
    #[serde(default = "nil", rename = "virtualIP")]
    pub virtual_ip: String,
}

/// The interface of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointInterface {
    /// The IPv4 address.
    #[serde(default, rename = "addr", skip_serializing_if = "Option::is_none")]
    pub address: Option<Cidr>,
    /// The IPv6 address.
    #[serde(default, rename = "addrv6", skip_serializing_if = "Option::is_none")]
    pub address_v6: Option<Cidr>,
    /// The prefix of the interface's name in the container, known once the sandbox has joined.
    #[serde(rename = "dstPrefix")]
    pub name_prefix: String,
    /// Addresses of the link.
    #[serde(default, rename = "llAddrs", skip_serializing_if = "Option::is_none")]
    pub link_addresses: Option<Vec<Cidr>>,
    /// The hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Routes through the interface.
    #[serde(default)]
    pub routes: Option<Vec<String>>,
    /// The interface's name on the host, known once the sandbox has joined.
    #[serde(rename = "srcName")]
    pub source_name: String,
    /// The id of the pool that the IPv4 address is from.
    #[serde(rename = "v4PoolID")]
    pub pool: String,
    /// The id of the pool that the IPv6 address is from.
    #[serde(rename = "v6PoolID")]
    pub pool_v6: String,
}

/// What a sandbox got from the driver when it joined.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JoinInfo {
    /// Routes besides the interface's.
    #[serde(default, rename = "StaticRoutes")]
    pub static_routes: Option<Vec<Value>>,
    /// Whether the sandbox gets no default gateway.
    #[serde(rename = "disableGatewayService")]
    pub disable_gateway_service: bool,
    /// The gateway.
    #[serde(default, rename = "gw", skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// The gateway for IPv6.
    #[serde(default, rename = "gw6", skip_serializing_if = "Option::is_none")]
    pub gateway_v6: Option<String>,
}

/// A port that an image exposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransportPort {
    /// The protocol's number.
    #[serde(rename = "Proto")]
    pub protocol: u8,
    /// The port.
    #[serde(rename = "Port")]
    pub port: u16,
}

/// Go's text of no address.
fn nil() -> String {
    "<nil>".to_owned()
}

impl EndpointRecord {
    /// The endpoint of a container as dockerd creates it: with an address, and no sandbox yet.
    pub fn new(id: String, name: String, locator: String) -> Self {
        let no_ports = || Value::Array(Vec::new());
        Self {
            anonymous: false,
            disable_resolution: false,
            interface: None,
            exposed_ports: Some(Vec::new()),
            generic: Some(BTreeMap::from([
                (
                    "com.docker.network.endpoint.exposedports".to_owned(),
                    no_ports(),
                ),
                ("com.docker.network.portmap".to_owned(), no_ports()),
            ])),
            id,
            ingress_ports: None,
            join_info: None,
            load_balancer: false,
            locator,
            aliases: None,
            name,
            sandbox: String::new(),
            service_aliases: None,
            service_id: String::new(),
            service_name: String::new(),
            virtual_ip: nil(),
        }
    }

    /// Sets the DNS servers of the container.
    pub fn set_dns_servers(&mut self, servers: &[String]) {
        let name = "com.docker.network.endpoint.dnsservers".to_owned();
        let generic = self.generic.get_or_insert_default();
        generic.insert(name, servers.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{decode, encode};

    const CREATED: &[u8] = br#"{"anonymous":false,"disableResolution":false,"ep_iface":{"addr":"10.55.0.2/24","dstPrefix":"","mac":"02:42:0a:37:00:02","routes":null,"srcName":"","v4PoolID":"GlobalDefault/10.55.0.0/24","v6PoolID":""},"exposed_ports":[],"generic":{"com.docker.network.endpoint.exposedports":[],"com.docker.network.portmap":[]},"id":"8d8c0b6d01330bc7c15c571acbc6ec79611f6c994c73d0c8dc160506dfb32c04","ingressPorts":null,"joinInfo":null,"loadBalancer":false,"locator":"10.99.0.1","myAliases":["bfba5d23346c"],"name":"ca","sandbox":"","svcAliases":null,"svcID":"","svcName":"","virtualIP":"\u003cnil\u003e"}"#;
    const JOINED: &[u8] = br#"{"anonymous":false,"disableResolution":false,"ep_iface":{"addr":"10.55.0.2/24","dstPrefix":"eth","mac":"02:42:0a:37:00:02","routes":null,"srcName":"vethdbe792d","v4PoolID":"GlobalDefault/10.55.0.0/24","v6PoolID":""},"exposed_ports":[],"generic":{"com.docker.network.endpoint.exposedports":[],"com.docker.network.portmap":[]},"id":"8d8c0b6d01330bc7c15c571acbc6ec79611f6c994c73d0c8dc160506dfb32c04","ingressPorts":null,"joinInfo":{"StaticRoutes":null,"disableGatewayService":false},"loadBalancer":false,"locator":"10.99.0.1","myAliases":["bfba5d23346c"],"name":"ca","sandbox":"f12ff8b63d182d4bab89f87ba4ca203d2ad7288cfc63ab719accb81efbfe6de3","svcAliases":null,"svcID":"","svcName":"","virtualIP":"\u003cnil\u003e"}"#;

    #[test]
    fn recorded_values_are_encoded_as_they_were() {
        for value in [CREATED, JOINED] {
            let record: EndpointRecord = decode(value).unwrap();
            assert_eq!(
                String::from_utf8(encode(&record).unwrap()).unwrap(),
                String::from_utf8(value.to_vec()).unwrap()
            );
        }
    }

    #[test]
    fn an_endpoint_is_created_as_dockerd_creates_it() {
        let recorded: EndpointRecord = decode(CREATED).unwrap();
        let mut created =
            EndpointRecord::new(recorded.id.clone(), "ca".to_owned(), "10.99.0.1".to_owned());
        created.interface = recorded.interface.clone();
        created.aliases = Some(vec!["bfba5d23346c".to_owned()]);
        assert_eq!(created, recorded);
    }
}

//! Records of the attacked fleet: two networks of two innocent hosts and the attacker's own, another team's network, and keys
//! that are none of Docker's.

use kubekv::docker::{AddressSpace, BitSequence, BitSequenceRecord, Cidr, PoolKey, encode};

/// The host whose credential was stolen.
pub(crate) const ATTACKER: &str = "10.99.0.1";
/// The host whose view shows what an attack did.
pub(crate) const VICTIM: &str = "10.99.0.2";
/// Another innocent host.
pub(crate) const THIRD: &str = "10.99.0.3";

pub(crate) const VICTIM_NODE: &str = "docker/nodes/10.99.0.2:2376";
pub(crate) const ATTACKER_NODE: &str = "docker/nodes/10.99.0.1:2376";

/// The network of the innocent hosts, in which each has a container, and the attacker none.
pub(crate) const SHOP: &str = "1111";
/// The attacker's own network.
pub(crate) const OWN: &str = "2222";
/// The endpoints of the victim, the third host and the attacker.
pub(crate) const DB: &str = "aaaa";
pub(crate) const WEB: &str = "bbbb";
pub(crate) const MINE: &str = "cccc";

pub(crate) const SHOP_POOL: &str = "10.55.0.0/24";
pub(crate) const OWN_POOL: &str = "10.56.0.0/24";

/// A key of a program that is none of Docker's, and its value.
pub(crate) const PASSWORD: &str = "apps/db/password";
pub(crate) const SECRET: &str = "correct-horse";
/// A lock of such a program.
pub(crate) const LEADER: &str = "apps/leader";

/// Another team's Docker hosts have their records beneath a path of their own.
pub(crate) const TEAM: &str = "team-b/";
pub(crate) const VAULT: &str = "3333";

/// The key of a record, in etcd's spelling.
pub(crate) fn key(path: &str) -> String {
    format!("docker/network/v1.0/{path}")
}

pub(crate) fn network_key(id: &str) -> String {
    key(&format!("network/{id}"))
}

pub(crate) fn count_key(id: &str) -> String {
    key(&format!("endpoint_count/{id}"))
}

pub(crate) fn endpoint_key(network: &str, id: &str) -> String {
    key(&format!("endpoint/{network}/{id}"))
}

pub(crate) fn overlay_key(id: &str) -> String {
    key(&format!("overlay/network/{id}"))
}

pub(crate) fn bits_key(pool: &str) -> String {
    key(&format!("ipam/default/data/GlobalDefault/{pool}"))
}

pub(crate) fn pools_key() -> String {
    key("ipam/default/config/GlobalDefault")
}

pub(crate) fn vxlan_key() -> String {
    key("idm/vxlan-id")
}

/// A network as dockerd writes it.
pub(crate) fn network(id: &str, name: &str, pool: &str) -> String {
    let gateway = pool.replace(".0/24", ".1/24");
    let data =
        serde_json::json!({"AddressSpace": "GlobalDefault", "Gateway": gateway, "Pool": pool});
    let info = serde_json::json!([{"IPAMData": data.to_string(), "PoolID": format!("GlobalDefault/{pool}")}]);
    let config = serde_json::json!([{"PreferredPool": pool, "SubPool": "", "Gateway": "", "AuxAddresses": null}]);
    serde_json::json!({
        "addrSpace": "GlobalDefault", "attachable": false, "configFrom": "", "configOnly": false,
        "created": "2026-11-23T17:09:03.013189785Z", "enableIPv6": false,
        "generic": {"com.docker.network.enable_ipv6": false, "com.docker.network.generic": {}},
        "id": id, "inDelete": false, "ingress": false, "internal": false, "ipamOptions": {}, "ipamType": "default",
        "ipamV4Config": config.to_string(), "ipamV4Info": info.to_string(), "labels": {}, "loadBalancerIP": "",
        "loadBalancerMode": "NAT", "name": name, "networkType": "overlay", "persist": true, "postIPv6": false,
        "scope": "global",
    })
    .to_string()
}

/// An endpoint as dockerd writes it.
pub(crate) fn endpoint(id: &str, name: &str, address: &str, pool: &str, host: &str) -> String {
    serde_json::json!({
        "anonymous": false, "disableResolution": false,
        "ep_iface": {"addr": address, "dstPrefix": "eth", "mac": "02:42:0a:37:00:02", "routes": null,
            "srcName": "veth1", "v4PoolID": format!("GlobalDefault/{pool}"), "v6PoolID": ""},
        "exposed_ports": [],
        "generic": {"com.docker.network.endpoint.exposedports": [], "com.docker.network.portmap": []},
        "id": id, "ingressPorts": null, "joinInfo": {"StaticRoutes": null, "disableGatewayService": false},
        "loadBalancer": false, "locator": host, "myAliases": [name], "name": name, "sandbox": "s",
        "svcAliases": null, "svcID": "", "svcName": "", "virtualIP": "<nil>",
    })
    .to_string()
}

pub(crate) fn overlay(pool: &str, vni: u32) -> String {
    let gateway = pool.replace(".0/24", ".1/24");
    format!(
        r#"{{"mtu":0,"secure":false,"subnets":[{{"SubnetIP":"{pool}","GwIP":"{gateway}","Vni":{vni}}}]}}"#
    )
}

/// A bitmap with these bits taken.
pub(crate) fn bits(id: &str, length: u64, taken: &[u64]) -> String {
    let mut sequence = BitSequence::new(length);
    for bit in taken {
        sequence.take(*bit).unwrap();
    }
    let id = id.to_owned();
    text(&BitSequenceRecord { id, sequence })
}

/// The bitmap of a pool's addresses.
pub(crate) fn addresses(pool: &str, taken: &[u64]) -> String {
    bits(&format!("GlobalDefault/{pool}"), 256, taken)
}

pub(crate) fn vxlan_ids(taken: &[u64]) -> String {
    bits("vxlan-id", (1 << 24) - 256, taken)
}

/// The address space with these pools.
pub(crate) fn pools(pools: &[&str]) -> String {
    let mut space = AddressSpace::global();
    for pool in pools {
        let pool: Cidr = pool.parse().unwrap();
        let key = PoolKey::whole("GlobalDefault", pool);
        space.add(&key, pool, None).unwrap();
    }
    text(&space)
}

fn text(record: &impl serde::Serialize) -> String {
    String::from_utf8(encode(record).unwrap()).unwrap()
}

/// All records but those that the victim keeps alive itself, in an order in which each may be written.
pub(crate) fn fixture() -> Vec<(String, String)> {
    let mut all = vec![
        (pools_key(), pools(&[SHOP_POOL, OWN_POOL])),
        (
            bits_key(SHOP_POOL),
            addresses(SHOP_POOL, &[0, 1, 2, 3, 255]),
        ),
        (bits_key(OWN_POOL), addresses(OWN_POOL, &[0, 1, 2, 255])),
        (vxlan_key(), vxlan_ids(&[0])),
        (overlay_key(SHOP), overlay(SHOP_POOL, 256)),
        (overlay_key(OWN), overlay(OWN_POOL, 0)),
        (count_key(SHOP), r#"{"Count":2}"#.to_owned()),
        (count_key(OWN), r#"{"Count":1}"#.to_owned()),
        (network_key(SHOP), network(SHOP, "shop", SHOP_POOL)),
        (network_key(OWN), network(OWN, "own", OWN_POOL)),
        (
            endpoint_key(SHOP, DB),
            endpoint(DB, "db", "10.55.0.2/24", SHOP_POOL, VICTIM),
        ),
        (
            endpoint_key(SHOP, WEB),
            endpoint(WEB, "web", "10.55.0.3/24", SHOP_POOL, THIRD),
        ),
        (
            endpoint_key(OWN, MINE),
            endpoint(MINE, "mine", "10.56.0.2/24", OWN_POOL, ATTACKER),
        ),
        (
            format!("docker/nodes/{THIRD}:2376"),
            format!("{THIRD}:2376"),
        ),
    ];
    let team = |path: &str| format!("{TEAM}{}", key(path));
    all.extend([
        (
            team(&format!("endpoint_count/{VAULT}")),
            r#"{"Count":0}"#.to_owned(),
        ),
        (
            team(&format!("network/{VAULT}")),
            network(VAULT, "vault", SHOP_POOL),
        ),
        (PASSWORD.to_owned(), SECRET.to_owned()),
        ("apps/config".to_owned(), "on".to_owned()),
    ]);
    all
}

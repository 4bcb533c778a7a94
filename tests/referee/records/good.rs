//! Good records, as dockerd 20.10 writes them.

/// A record that a daemon wrote.
#[derive(Clone, Copy, Debug)]
pub struct GoodRecord {
    /// What the referee calls it.
    pub kind: &'static str,
    pub key: &'static str,
    pub value: &'static str,
}

pub const RECORDS: &[GoodRecord] = &[
    GoodRecord {
        kind: "network",
        key: "docker/network/v1.0/network/n",
        value: r#"{"addrSpace":"GlobalDefault","attachable":false,"configFrom":"","configOnly":false,"created":"2026-11-23T17:09:03.013189785Z","enableIPv6":false,"generic":{"com.docker.network.enable_ipv6":false,"com.docker.network.generic":{}},"id":"n","inDelete":false,"ingress":false,"internal":false,"ipamOptions":{},"ipamType":"default","ipamV4Config":"[{\"PreferredPool\":\"10.55.0.0/24\",\"SubPool\":\"\",\"Gateway\":\"\",\"AuxAddresses\":null}]","ipamV4Info":"[{\"IPAMData\":\"{\\\"AddressSpace\\\":\\\"GlobalDefault\\\",\\\"Gateway\\\":\\\"10.55.0.1/24\\\",\\\"Pool\\\":\\\"10.55.0.0/24\\\"}\",\"PoolID\":\"GlobalDefault/10.55.0.0/24\"}]","labels":{},"loadBalancerIP":"","loadBalancerMode":"NAT","name":"ov1","networkType":"overlay","persist":true,"postIPv6":false,"scope":"global"}"#,
    },
    GoodRecord {
        kind: "endpoint",
        key: "docker/network/v1.0/endpoint/n/e",
        value: r#"{"anonymous":false,"disableResolution":false,"ep_iface":{"addr":"10.55.0.2/24","dstPrefix":"eth","mac":"02:42:0a:37:00:02","routes":null,"srcName":"veth1","v4PoolID":"GlobalDefault/10.55.0.0/24","v6PoolID":""},"exposed_ports":[],"generic":{"com.docker.network.endpoint.exposedports":[],"com.docker.network.portmap":[]},"id":"e","ingressPorts":null,"joinInfo":{"StaticRoutes":null,"disableGatewayService":false},"loadBalancer":false,"locator":"10.99.0.1","myAliases":["c"],"name":"c1","sandbox":"s","svcAliases":null,"svcID":"","svcName":"","virtualIP":"\u003cnil\u003e"}"#,
    },
    GoodRecord {
        kind: "count",
        key: "docker/network/v1.0/endpoint_count/n",
        value: r#"{"Count":3}"#,
    },
    GoodRecord {
        kind: "overlay",
        key: "docker/network/v1.0/overlay/network/n",
        value: r#"{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.55.0.0/24","GwIP":"10.55.0.1/24","Vni":256}]}"#,
    },
    GoodRecord {
        kind: "overlay",
        key: "docker/network/v1.0/overlay/network/n",
        value: r#"[{"SubnetIP":"10.0.0.0/24","GwIP":"10.0.0.1/24","Vni":300}]"#,
    },
    GoodRecord {
        kind: "pools",
        key: "docker/network/v1.0/ipam/default/config/GlobalDefault",
        value: r#"{"Scope":"global","Subnets":{"GlobalDefault/10.55.0.0/24":{"ParentKey":{"AddressSpace":"","Subnet":"","ChildSubnet":""},"Pool":"10.55.0.0/24","RefCount":1}}}"#,
    },
    GoodRecord {
        kind: "pools",
        key: "docker/network/v1.0/ipam/default/config/GlobalDefault",
        value: r#"{"Scope":"","Subnets":{"GlobalDefault/10.1.0.0/16":{"ParentKey":{"AddressSpace":"","Subnet":"","ChildSubnet":""},"Pool":"10.1.0.0/16","RefCount":1},"GlobalDefault/10.1.0.0/16/10.1.5.0/24":{"ParentKey":{"AddressSpace":"GlobalDefault","Subnet":"10.1.0.0/16","ChildSubnet":""},"Pool":"10.1.0.0/16","Range":{"End":1535,"Start":1280,"Sub":"10.1.5.0/24"},"RefCount":1}}}"#,
    },
    GoodRecord {
        kind: "bits",
        key: "docker/network/v1.0/idm/vxlan-id",
        value: r#"{"id":"vxlan-id","sequence":"AAAAAAD//wAAAAAAAP//AAAAAAAAAAAAAAf/+A=="}"#,
    },
    GoodRecord {
        kind: "bits",
        key: "docker/network/v1.0/ipam/default/data/GlobalDefault/10.55.0.0/24",
        value: r#"{"id":"GlobalDefault/10.55.0.0/24","sequence":"AAAAAAAAAQAAAAAAAAAA/cAAAAAAAAAAAAAAAQAAAAAAAAAAAAAABgAAAAEAAAAAAAAAAQ=="}"#,
    },
    GoodRecord {
        kind: "node",
        key: "docker/nodes/10.0.0.1:2376",
        value: "10.0.0.1:2376",
    },
];

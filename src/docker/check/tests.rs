//! Tests of the checks: what section by section of libnetwork's decoders would panic at, hang at or misread.

use super::*;
use crate::docker::RecordFault::{self as Fault, *};

const NETWORK: &str = r#"{"addrSpace":"GlobalDefault","attachable":false,"configFrom":"","configOnly":false,"created":"2026-11-23T17:09:03.013189785Z","enableIPv6":false,"generic":{"com.docker.network.enable_ipv6":false,"com.docker.network.generic":{}},"id":"n","inDelete":false,"ingress":false,"internal":false,"ipamOptions":{},"ipamType":"default","ipamV4Config":"[{\"PreferredPool\":\"10.55.0.0/24\",\"SubPool\":\"\",\"Gateway\":\"\",\"AuxAddresses\":null}]","ipamV4Info":"[{\"IPAMData\":\"{\\\"AddressSpace\\\":\\\"GlobalDefault\\\",\\\"Gateway\\\":\\\"10.55.0.1/24\\\",\\\"Pool\\\":\\\"10.55.0.0/24\\\"}\",\"PoolID\":\"GlobalDefault/10.55.0.0/24\"}]","labels":{},"loadBalancerIP":"","loadBalancerMode":"NAT","name":"ov1","networkType":"overlay","persist":true,"postIPv6":false,"scope":"global"}"#;
const ENDPOINT: &str = r#"{"anonymous":false,"disableResolution":false,"ep_iface":{"addr":"10.55.0.2/24","dstPrefix":"eth","mac":"02:42:0a:37:00:02","routes":null,"srcName":"veth1","v4PoolID":"GlobalDefault/10.55.0.0/24","v6PoolID":""},"exposed_ports":[],"generic":{"com.docker.network.endpoint.exposedports":[],"com.docker.network.portmap":[]},"id":"e","ingressPorts":null,"joinInfo":{"StaticRoutes":null,"disableGatewayService":false},"loadBalancer":false,"locator":"10.99.0.1","myAliases":["c"],"name":"c1","sandbox":"s","svcAliases":null,"svcID":"","svcName":"","virtualIP":"\u003cnil\u003e"}"#;
const OVERLAY: &str = r#"{"mtu":0,"secure":false,"subnets":[{"SubnetIP":"10.55.0.0/24","GwIP":"10.55.0.1/24","Vni":256}]}"#;
const POOLS: &str = r#"{"Scope":"global","Subnets":{"GlobalDefault/10.55.0.0/24":{"ParentKey":{"AddressSpace":"","Subnet":"","ChildSubnet":""},"Pool":"10.55.0.0/24","RefCount":1}}}"#;
const BITS: &str = r#"{"id":"vxlan-id","sequence":"AAAAAAD//wAAAAAAAP//AAAAAAAAAAAAAAf/+A=="}"#;

fn fault(kind: &RecordKind<'_>, value: &[u8]) -> Option<Fault> {
    let place = RecordPlace {
        tenant: b"",
        kind: kind.clone(),
    };
    place.check(value).err()
}

/// What is found of a good record in which a text is replaced.
fn faults<'a>(
    kind: &RecordKind<'_>,
    good: &str,
    replaced: impl IntoIterator<Item = (&'a str, &'a str, Option<Fault>)>,
) {
    assert_eq!(fault(kind, good.as_bytes()), None);
    for (before, after, expected) in replaced {
        assert!(good.contains(before), "{before}");
        let value = good.replacen(before, after, 1);
        assert_eq!(fault(kind, value.as_bytes()), expected, "{value}");
    }
    for (value, expected) in [
        ("", Empty),
        ("{}x", NotJson),
        ("{\"a\":", NotJson),
        ("\x7b\x22\x00", NotJson),
        ("null", NotARecord),
        ("1", NotARecord),
        ("\"text\"", NotARecord),
    ] {
        assert_eq!(fault(kind, value.as_bytes()), Some(expected), "{value:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn networks_that_panic_or_blind_daemons_are_found() {
    let field = |name| Some(Field(name));
    let info = |name| Some(Undecodable(name));
    let cases = [
        (r#""name":"ov1""#, r#""name":null"#, field("name")),
        (r#""name":"ov1""#, r#""NAME":"ov1""#, field("name")),
        (r#""name":"ov1""#, r#""name":"x","name":5"#, field("name")),
        (r#""name":"ov1""#, r#""name":5,"name":"x""#, None),
        (r#""id":"n""#, r#""id":"other""#, Some(OtherId)),
        (
            r#""name":"ov1""#,
            r#""name":"bridge""#,
            Some(PredefinedName),
        ),
        (
            r#""name":"ov1""#,
            r#""name":"docker_gwbridge""#,
            Some(PredefinedName),
        ),
        (r#""name":"ov1""#, r#""name":"bridges""#, None),
        (r#""id":"n""#, r#""id":["n"]"#, field("id")),
        (r#""networkType":"overlay","#, "", field("networkType")),
        (
            r#""enableIPv6":false"#,
            r#""enableIPv6":"false""#,
            field("enableIPv6"),
        ),
        (
            r#""created":"2026"#,
            r#""created":1,"x":"2026"#,
            field("created"),
        ),
        (r#""created":"2026"#, r#""created":"yesterday"#, None),
        (r#""labels":{}"#, r#""labels":{"a":1}"#, field("labels")),
        (r#""labels":{}"#, r#""labels":[1]"#, None),
        (
            r#""ipamOptions":{}"#,
            r#""ipamOptions":{"a":null}"#,
            field("ipamOptions"),
        ),
        (
            r#""generic":{"#,
            r#""generic":null,"x":{"#,
            field("generic"),
        ),
        (
            r#"network.generic":{}"#,
            r#"network.generic":{"a":1}"#,
            info("com.docker.network.generic"),
        ),
        (
            r#"network.generic":{}"#,
            r#"network.generic":{"a":"b"}"#,
            None,
        ),
        (r#""inDelete":false"#, r#""inDelete":0"#, field("inDelete")),
        (r#""scope":"global""#, r#""scope":null"#, field("scope")),
        (
            r#""loadBalancerIP":"""#,
            r#""loadBalancerIP":[]"#,
            field("loadBalancerIP"),
        ),
        (
            r#""ipamV4Config":"[{"#,
            r#""ipamV4Config":"[null,{"#,
            Some(NullElement("ipamV4Config")),
        ),
        (
            r#""ipamV4Config":"["#,
            r#""ipamV4Config":"[["#,
            info("ipamV4Config"),
        ),
        (r#"\"SubPool\":\"\""#, r#"\"subpool\":1"#, info("SubPool")),
        (
            r#""ipamV4Info":"[{"#,
            r#""ipamV4Info":"[null,{"#,
            Some(NullElement("ipamV4Info")),
        ),
        (
            r#"\"PoolID\":\"Global"#,
            r#"\"PoolId\":\"Global"#,
            field("PoolID"),
        ),
        (
            r#"\\\"AddressSpace\\\""#,
            r#"\\\"addressSpace\\\""#,
            field("AddressSpace"),
        ),
        (
            r#"\\\"Pool\\\":\\\"10.55.0.0/24\\\""#,
            r#"\\\"Pool\\\":\\\"10.55.0.0\\\""#,
            Some(BadAddress("Pool")),
        ),
        (
            r"10.55.0.1/24",
            r"10.55.0.1/+24",
            Some(BadAddress("Gateway")),
        ),
        (
            r#""scope":"global""#,
            r#""scope":"global","of23.0":{}"#,
            None,
        ),
    ];
    faults(&RecordKind::Network("n"), NETWORK, cases);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn endpoints_that_panic_or_mislead_daemons_are_found() {
    let field = |name| Some(Field(name));
    let cases = [
        (r#""name":"c1""#, r#""name":1"#, field("name")),
        (r#""id":"e""#, r#""id":"f""#, Some(OtherId)),
        (
            r#""ep_iface":{"#,
            r#""ep_iface":null,"x":{"#,
            field("ep_iface"),
        ),
        (r#""srcName":"veth1","#, "", field("srcName")),
        (
            r#""dstPrefix":"eth""#,
            r#""dstPrefix":null"#,
            field("dstPrefix"),
        ),
        (r#""v4PoolID":"#, r#""v4PoolId":"#, field("v4PoolID")),
        (r#""v6PoolID":"""#, r#""v6PoolID":{}"#, field("v6PoolID")),
        (r"10.55.0.2/24", "10.55.0.2", Some(BadAddress("addr"))),
        (
            r"02:42:0a:37:00:02",
            "02:42:0a:37:00",
            Some(BadAddress("mac")),
        ),
        (r"02:42:0a:37:00:02", "0242.0a37.0002", None),
        (r#""routes":null"#, r#""llAddrs":null"#, field("llAddrs")),
        (
            r#""disableGatewayService":false"#,
            r#""x":false"#,
            field("disableGatewayService"),
        ),
        (r#""StaticRoutes":null"#, r#""gw":null"#, field("gw")),
        (r#""joinInfo":{"#, r#""joinInfo":null,"x":{"#, None),
        (
            r#"exposedports":[]"#,
            r#"exposedports":null"#,
            field("com.docker.network.endpoint.exposedports"),
        ),
        (
            r#"portmap":[]"#,
            r#"portmap":[1]"#,
            field("com.docker.network.portmap"),
        ),
        (r#""generic":{"#, r#""generic":[],"x":{"#, field("generic")),
        (
            r#""locator":"10.99.0.1""#,
            r#""locator":null"#,
            field("locator"),
        ),
        (
            r#""virtualIP":"\u003cnil\u003e""#,
            r#""virtualIP":null"#,
            field("virtualIP"),
        ),
        (
            r#""anonymous":false"#,
            r#""anonymous":1"#,
            field("anonymous"),
        ),
        (r#""myAliases":["c"]"#, r#""myAliases":{"c":1}"#, None),
    ];
    faults(&RecordKind::Endpoint("n", "e"), ENDPOINT, cases);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn counts_overlays_and_pools_that_panic_or_hang_daemons_are_found() {
    let count = Some(Undecodable("Count"));
    let cases = [
        (r#""Count":3"#, r#""Count":-1"#, count.clone()),
        (r#""Count":3"#, r#""Count":3.0"#, count.clone()),
        (
            r#""Count":3"#,
            r#""Count":18446744073709551616"#,
            count.clone(),
        ),
        (r#""Count":3"#, r#""Count":"3""#, count.clone()),
        (r#""Count":3"#, r#""Count":3,"COUNT":"x""#, count),
        (r#""Count":3"#, r#""Count":3,"count":null"#, None),
        (r#""Count":3"#, "", None),
    ];
    faults(&RecordKind::EndpointCount("n"), r#"{"Count":3}"#, cases);

    let vni = |text: &'static str| format!(r#""Vni":{text}"#);
    let cases = [
        (r#""Vni":256"#, &*vni("16777216"), Some(VxlanId)),
        (r#""Vni":256"#, &*vni("-1"), Some(Undecodable("Vni"))),
        (r#""Vni":256"#, &*vni("256.0"), None),
        (r#""Vni":256"#, &*vni("1e2"), None),
        (r#""Vni":256"#, &*vni("0.5"), Some(Undecodable("Vni"))),
        (r#""mtu":0"#, r#""mtu":null"#, Some(Field("mtu"))),
        (
            r#""secure":false"#,
            r#""secure":"no""#,
            Some(Field("secure")),
        ),
        (
            r#""subnets":["#,
            r#""subnets":[null,"#,
            Some(NullElement("subnets")),
        ),
        (r"10.55.0.1/24", "x", Some(BadAddress("GwIP"))),
    ];
    faults(&RecordKind::Overlay("n"), OVERLAY, cases);
    let old = br#"[{"SubnetIP":"10.0.0.0/24","GwIP":"10.0.0.1/24","Vni":300}]"#;
    assert_eq!(fault(&RecordKind::Overlay("n"), old), None);
    let old = br#"[{"SubnetIP":"10.0.0.0/24","GwIP":"10.0.0.1/24","Vni":300.0}]"#;
    assert_eq!(
        fault(&RecordKind::Overlay("n"), old),
        Some(Undecodable("Vni"))
    );

    let cycle = r#""GlobalDefault/10.55.0.0/24":{"ParentKey":{"AddressSpace":"GlobalDefault","Subnet":"10.55.0.0/24"}"#;
    let cases = [
        (
            r#""Scope":"global""#,
            r#""Scope":null"#,
            Some(Field("Scope")),
        ),
        (
            r#""GlobalDefault/10.55.0.0/24":"#,
            r#""GlobalDefault":"#,
            Some(BadPoolName),
        ),
        (
            r#""GlobalDefault/10.55.0.0/24":{"ParentKey":{"AddressSpace":"","Subnet":"","ChildSubnet":""}"#,
            cycle,
            Some(PoolCycle),
        ),
        (
            r#""Subnets":{"#,
            r#""Subnets":{"G/1.0.0.0/8":null,"#,
            Some(NullElement("Subnets")),
        ),
        (r#""Pool":"10.55.0.0/24","#, "", Some(BadAddress("Pool"))),
        (
            r#""RefCount":1"#,
            r#""RefCount":1,"Range":{"Sub":"10.55.0.0/25"}"#,
            Some(Field("Start")),
        ),
        (
            r#""RefCount":1"#,
            r#""RefCount":1,"Range":{"Sub":"10.55.0.0/25","Start":0,"End":127}"#,
            Some(PoolOrphan),
        ),
        (
            r#""RefCount":1"#,
            r#""RefCount":"1""#,
            Some(Undecodable("RefCount")),
        ),
        (r#""RefCount":1"#, r#""refcount":1.0"#, None),
    ];
    faults(&RecordKind::Pools("GlobalDefault"), POOLS, cases);
}

#[test]
fn bit_sequences_that_panic_or_hang_daemons_are_found() {
    let of = |bytes: &[u8]| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let runs = |bits: u64, runs: &[(u32, u64)]| {
        let mut bytes = bits.to_be_bytes().to_vec();
        bytes.extend(bits.to_be_bytes());
        for (block, count) in runs {
            bytes.extend(block.to_be_bytes());
            bytes.extend(count.to_be_bytes());
        }
        of(&bytes)
    };
    let sequence = "AAAAAAD//wAAAAAAAP//AAAAAAAAAAAAAAf/+A==";
    let undecodable = Some(Undecodable("sequence"));
    let replaced = [
        (of(&[0; 15]), Some(ShortSequence)),
        (of(&[0; 16]), Some(ShortSequence)),
        (of(&[0; 29]), undecodable.clone()),
        ("!".to_owned(), undecodable.clone()),
        (runs(64, &[(0, 2)]), None),
        (runs(64, &[(0, 1), (1, 1)]), None),
        (runs(64, &[(0, 2), (1, 0)]), Some(EmptyRun)),
        (runs(64, &[(0, 3)]), Some(WrongLength)),
        (runs(64, &[(0, 1)]), Some(WrongLength)),
        (runs(0, &[(0, 1)]), Some(WrongLength)),
        (runs(64, &[(0, u64::MAX), (0, 3)]), Some(WrongLength)),
        (runs(u64::MAX, &[(0, 1 << 59)]), None),
    ];
    let replaced: Vec<_> = replaced
        .iter()
        .map(|(bytes, expected)| (sequence, bytes.as_str(), expected.clone()))
        .chain([
            (r#""id":"vxlan-id""#, r#""id":null"#, Some(Field("id"))),
            (r#""id":"vxlan-id""#, r#""id":"other""#, Some(OtherId)),
            (r#""sequence":"#, r#""Sequence":"#, undecodable),
        ])
        .collect();
    faults(&RecordKind::Ids("vxlan-id"), BITS, replaced);
}

#[test]
fn nodes_that_blind_daemons_are_found() {
    let node = |address, value: &[u8]| fault(&RecordKind::Node(address), value);
    for address in ["10.0.0.1:2376", "[fd00::1]:2376"] {
        assert_eq!(node(address, address.as_bytes()), None);
        assert_eq!(node(address, b""), None);
        assert_eq!(node(address, b"10.0.0.2:2376"), Some(OtherNode));
        for bad in [
            "foo",
            "1.2.3.4",
            "fd00::1:2376",
            "[fd00::1:2376",
            "a]:1",
            "\u{ff}",
        ] {
            assert_eq!(node(address, bad.as_bytes()), Some(NotANode), "{bad}");
        }
    }
}

#[test]
fn what_stands_in_a_directorys_place_or_beneath_a_record_is_found() {
    for (kind, expected) in [
        (RecordKind::Directory, NotADirectory),
        (RecordKind::Beneath, Misplaced),
    ] {
        assert_eq!(fault(&kind, b""), None);
        assert_eq!(fault(&kind, b"{}"), Some(expected));
    }
    let place = RecordPlace::of(b"docker/network/v2.0/network/n").unwrap();
    assert!(place.check(b"\xff").unwrap().unknown.is_some());
}

#[test]
fn fields_of_later_versions_are_named() {
    let place = RecordPlace::of(b"docker/network/v1.0/endpoint_count/n").unwrap();
    let checked = place.check(br#"{"Count":1,"Limit":2}"#).unwrap();
    assert_eq!(checked.unknown.as_deref(), Some("Limit"));
}

/// A space makes it a text that is decoded, and means the same.
#[test]
fn counts_as_daemons_write_them_are_taken_as_decoded_ones_are() {
    let place = RecordPlace::of(b"docker/network/v1.0/endpoint_count/n").unwrap();
    let edges = [
        "", "00", "007", "-0", "-1", "+1", "1.0", "1e2", " 1", "1 ", "\u{661}", "1}", "\"1\"",
        "null",
    ];
    let largest = ["18446744073709551615", "18446744073709551616"];
    let numbers = (0..200).map(|number: u64| number.pow(8).to_string());
    let texts = edges.into_iter().chain(largest).map(str::to_owned);
    for text in texts.chain(numbers) {
        let check = |begin: &str| place.check(format!("{begin}\"Count\":{text}}}").as_bytes());
        assert_eq!(check("{"), check("{ "), "{text}");
    }
}

//! Records that panic, hang or blind the daemons that read them.

use crate::attack::Stop::Guard;
use crate::attack::{Attack, Over, Scene};
use crate::records::{
    OWN, OWN_POOL, SHOP, count_key, endpoint, endpoint_key, network, network_key, overlay_key,
    pools_key, vxlan_key,
};

/// The id of what the attacker adds.
const EVIL: &str = "eeee";

/// Sequences in base64: nothing; a bit of a header; one run that repeats no block.
const SHORT: &str = r#"{"id":"vxlan-id","sequence":"AAAA"}"#;
const ENDLESS: &str = r#"{"id":"vxlan-id","sequence":"AAAAAAD//wAAAAAAAP//AAAAAAAAAAAAAAAAAA=="}"#;

/// A pool that is a part of itself.
const CYCLE: &str = r#"{"Scope":"global","Subnets":{"GlobalDefault/10.55.0.0/24/10.55.0.0/25":{"ParentKey":{"AddressSpace":"GlobalDefault","Subnet":"10.55.0.0/24","ChildSubnet":"10.55.0.0/25"},"Pool":"10.55.0.0/24","Range":{"Sub":"10.55.0.0/25","Start":0,"End":127},"RefCount":1}}}"#;

const OVERLAY: &str = r#"{"mtu":0,"secure":"no","subnets":[]}"#;
const JOIN: &str = r#""disableGatewayService":false"#;

const fn poison(
    name: &'static str,
    harm: &'static str,
    strike: fn(&Scene) -> bool,
    worked: fn(&Scene) -> bool,
) -> Attack {
    Attack::by_host(name, harm, &[Guard], strike, worked)
}

pub(super) const ATTACKS: &[Attack] = &[
    poison(
        "network-of-nothing",
        "every daemon of the fleet panics, again at each start",
        |scene| scene.attacker.put(&network_key(EVIL), "{}"),
        |scene| scene.is_shown(&network_key(EVIL), "{}"),
    ),
    poison(
        "network-no-json",
        "no daemon sees any global network",
        |scene| scene.attacker.put(&network_key(EVIL), "{"),
        |scene| scene.is_shown(&network_key(EVIL), "{"),
    ),
    poison(
        "network-of-wrong-type",
        "every daemon panics",
        |scene| {
            let (from, to) = (r#""networkType":"overlay""#, r#""networkType":5"#);
            scene.attacker.edit(&network_key(SHOP), from, to)
        },
        |scene| scene.has(&network_key(SHOP), r#""networkType":5"#),
    ),
    poison(
        "network-uncounted",
        "whoever starts a container in it, or removes it, panics",
        |scene| {
            let value = network(EVIL, "evil", OWN_POOL);
            scene.attacker.swap(&network_key(EVIL), &value)
        },
        |scene| scene.has(&network_key(EVIL), "evil"),
    ),
    poison(
        "network-called-bridge",
        "no daemon starts a container or starts at all: two networks are called bridge",
        |scene| {
            let key = count_key(EVIL);
            scene.attacker.swap(&key, r#"{"Count":0}"#);
            scene.attacker.swap(&key, r#"{"Count":1}"#);
            let value = network(EVIL, "bridge", OWN_POOL);
            scene.attacker.swap(&network_key(EVIL), &value)
        },
        |scene| scene.has(&network_key(EVIL), r#""name":"bridge""#),
    ),
    poison(
        "endpoint-of-nothing",
        "every daemon with a container in the network panics",
        |scene| scene.attacker.put(&endpoint_key(SHOP, EVIL), "{}"),
        |scene| scene.is_shown(&endpoint_key(SHOP, EVIL), "{}"),
    ),
    poison(
        "endpoint-half-joined",
        "the same, by a field that is missing far inside",
        |scene| {
            let value = endpoint(
                EVIL,
                "evil",
                "10.56.0.9/24",
                OWN_POOL,
                crate::records::ATTACKER,
            );
            let value = value.replace(JOIN, r#""x":false"#);
            scene.attacker.swap(&endpoint_key(OWN, EVIL), &value)
        },
        |scene| scene.has(&endpoint_key(OWN, EVIL), r#""x":false"#),
    ),
    poison(
        "bitmap-too-short",
        "whoever creates a network or joins one panics",
        |scene| scene.attacker.swap(&vxlan_key(), SHORT),
        |scene| scene.is_shown(&vxlan_key(), SHORT),
    ),
    poison(
        "bitmap-endless",
        "whoever asks for an id loops for ever, with all locks held",
        |scene| scene.attacker.swap(&vxlan_key(), ENDLESS),
        |scene| scene.is_shown(&vxlan_key(), ENDLESS),
    ),
    poison(
        "pool-of-itself",
        "whoever creates or removes a network loops for ever",
        |scene| scene.attacker.swap(&pools_key(), CYCLE),
        |scene| scene.is_shown(&pools_key(), CYCLE),
    ),
    poison(
        "overlay-of-wrong-type",
        "every daemon that joins the network panics",
        |scene| scene.attacker.swap(&overlay_key(SHOP), OVERLAY),
        |scene| scene.is_shown(&overlay_key(SHOP), OVERLAY),
    ),
    Attack {
        over: Over::Consul,
        ..poison(
            "network-in-transaction",
            "every daemon panics",
            |scene| {
                let (count, evil) = (count_key(EVIL), network_key(EVIL));
                let both = [(count.as_str(), r#"{"Count":0}"#), (evil.as_str(), "{}")];
                scene.attacker.put_together(&both)
            },
            |scene| scene.is_shown(&network_key(EVIL), "{}"),
        )
    },
    Attack {
        over: Over::Etcd,
        ..poison(
            "network-with-a-number",
            "every daemon panics, by an entry whose name the store chose",
            |scene| {
                let directory = crate::records::key("network");
                scene.attacker.submit_form(&directory, "{}", &[])
            },
            lists_nothing,
        )
    },
];

/// Whether a network of nothing is in the list that every daemon reads.
pub(super) fn lists_nothing(scene: &Scene) -> bool {
    let listed = scene.victim.list(&crate::records::key("network"));
    listed.values().any(|entry| entry.value == "{}")
}

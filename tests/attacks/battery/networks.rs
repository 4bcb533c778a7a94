//! Networks that are bridged, taken down or made unusable while they are used.

use crate::attack::Stop::{Guard, GuardOfHosts, Policy};
use crate::attack::{Attack, Over, Scene};
use crate::records::{DB, OWN, SHOP, count_key, endpoint_key, key, network_key, overlay_key};

const UNMARKED: &str = r#""inDelete":false"#;
const MARKED: &str = r#""inDelete":true"#;

fn count(scene: &Scene, count: &str) -> bool {
    let value = format!("{{\"Count\":{count}}}");
    scene.attacker.swap(&count_key(SHOP), &value)
}

fn is_counted(scene: &Scene, count: &str) -> bool {
    scene.is_shown(&count_key(SHOP), &format!("{{\"Count\":{count}}}"))
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack::by_host(
        "networks-bridged",
        "the attacker's containers are on the wire of another network",
        &[Guard],
        |scene| {
            scene
                .attacker
                .edit(&overlay_key(OWN), "\"Vni\":0", "\"Vni\":256")
        },
        |scene| scene.has(&overlay_key(OWN), "\"Vni\":256"),
    ),
    Attack::by_host(
        "vxlan-id-changed",
        "hosts that join from now on do not reach those that are there",
        &[Guard],
        |scene| scene.attacker.edit(&overlay_key(SHOP), "256", "300"),
        |scene| scene.has(&overlay_key(SHOP), "300"),
    ),
    Attack::by_host(
        "network-renamed",
        "two networks of one name: which one a container joins is chance",
        &[Guard],
        |scene| {
            scene
                .attacker
                .edit(&network_key(OWN), "\"own\"", "\"shop\"")
        },
        |scene| scene.has(&network_key(OWN), "\"shop\""),
    ),
    Attack::by_host(
        "network-deleted",
        "a network in use is gone",
        &[Guard],
        |scene| scene.attacker.delete(&network_key(SHOP)),
        |scene| scene.is_gone(&network_key(SHOP)),
    ),
    Attack::by_host(
        "network-marked",
        "the next daemon that starts removes a network in use",
        &[Guard],
        |scene| scene.attacker.edit(&network_key(SHOP), UNMARKED, MARKED),
        |scene| scene.has(&network_key(SHOP), MARKED),
    ),
    Attack::by_host(
        "count-zeroed",
        "anybody's docker network rm removes a network in use",
        &[Guard],
        |scene| count(scene, "0"),
        |scene| is_counted(scene, "0"),
    ),
    Attack::by_host(
        "count-walked-down",
        "the same step by step, and then the network removed",
        &[GuardOfHosts],
        |scene| {
            let is_walked = count(scene, "1") && count(scene, "0");
            let key = network_key(SHOP);
            is_walked && scene.attacker.edit(&key, UNMARKED, MARKED) && scene.attacker.delete(&key)
        },
        |scene| scene.is_gone(&network_key(SHOP)) && !scene.is_gone(&endpoint_key(SHOP, DB)),
    ),
    Attack::by_host(
        "count-wrapped",
        "a container that stops wraps the count, and no daemon can read it",
        &[Guard],
        |scene| count(scene, "18446744073709551615"),
        |scene| is_counted(scene, "18446744073709551615"),
    ),
    Attack::by_host(
        "count-removed",
        "whoever starts a container in the network panics",
        &[Guard],
        |scene| scene.attacker.delete(&count_key(SHOP)),
        |scene| scene.is_gone(&count_key(SHOP)),
    ),
    Attack::by_host(
        "count-walked-up",
        "the network cannot be removed any more",
        &[],
        |scene| ["3", "4", "5"].into_iter().all(|step| count(scene, step)),
        |scene| is_counted(scene, "5"),
    ),
    Attack::by_host(
        "networks-deleted",
        "all networks are gone",
        &[Guard],
        |scene| scene.attacker.delete_tree(&key("network")),
        |scene| scene.is_gone(&network_key(SHOP)),
    ),
    Attack::by_host(
        "all-of-docker-deleted",
        "networks, addresses and nodes are gone",
        &[Policy, Guard],
        |scene| scene.attacker.delete_tree("docker"),
        |scene| scene.is_gone(&network_key(SHOP)),
    ),
    Attack {
        over: Over::Etcd,
        ..Attack::by_host(
            "network-with-a-ttl",
            "a network in use is gone after a second, written unchanged",
            &[Guard],
            |scene| scene.attacker.let_end(&network_key(SHOP)),
            |scene| scene.is_gone(&network_key(SHOP)),
        )
    },
    Attack {
        over: Over::Consul,
        ..Attack::by_host(
            "network-of-a-session",
            "a network in use ends with a session of the attacker's",
            &[Policy, Guard],
            |scene| scene.attacker.let_end(&network_key(SHOP)),
            |scene| scene.is_gone(&network_key(SHOP)),
        )
    },
    Attack {
        over: Over::Etcd,
        ..Attack::by_host(
            "directory-with-a-ttl",
            "all networks are gone after a second",
            &[Guard],
            |scene| scene.attacker.let_directory_end(&key("network")),
            |scene| scene.is_gone(&network_key(SHOP)),
        )
    },
    Attack {
        over: Over::Etcd,
        ..Attack::by_host(
            "docker-with-a-ttl",
            "all of Docker's is gone after a second, by the directory above it",
            &[Policy, Guard],
            |scene| scene.attacker.let_directory_end("docker"),
            |scene| scene.is_gone(&network_key(SHOP)),
        )
    },
    Attack {
        over: Over::ZooKeeper,
        ..Attack::by_host(
            "network-closed-to-others",
            "a network in use is hidden from all daemons, by an access list",
            &[Guard],
            |scene| scene.attacker.close_to_all(&network_key(SHOP)),
            |scene| scene.is_gone(&network_key(SHOP)),
        )
    },
];

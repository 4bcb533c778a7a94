//! Entries of nodes, by which daemons find each other.

use crate::attack::Stop::{Guard, GuardOfHosts, Policy};
use crate::attack::{Attack, Over, Scene};
use crate::hands::StoreProtocol;
use crate::records::{ATTACKER_NODE, VICTIM_NODE};

/// A host that does not exist.
const FAKE: &str = "10.99.0.66:2376";

pub(super) const ATTACKS: &[Attack] = &[
    Attack::by_host(
        "node-of-no-address",
        "every daemon loses sight of all others: discovery fails at the entry",
        &[Guard],
        |scene| scene.attacker.put(ATTACKER_NODE, "foo"),
        |scene| listed(scene, "foo"),
    ),
    Attack {
        over: Over::Consul,
        ..Attack::by_host(
            "node-beside-the-nodes",
            "the same, by a key that only begins like those of nodes",
            &[Policy, Guard],
            |scene| scene.attacker.put("docker/nodes-of-old", "foo"),
            |scene| listed(scene, "foo"),
        )
    },
    Attack::by_host(
        "node-that-is-not-there",
        "every daemon gossips with a host of the attacker's choice",
        &[Policy, GuardOfHosts],
        |scene| scene.attacker.put(&format!("docker/nodes/{FAKE}"), FAKE),
        |scene| listed(scene, FAKE),
    ),
    Attack::by_host(
        "node-that-points-elsewhere",
        "the same, by the attacker's own entry",
        &[Guard],
        |scene| scene.attacker.put(ATTACKER_NODE, FAKE),
        |scene| listed(scene, FAKE),
    ),
    Attack::by_host(
        "node-of-another-overwritten",
        "no daemon finds the victim any more",
        &[Policy, Guard],
        |scene| scene.attacker.put(VICTIM_NODE, FAKE),
        |scene| listed(scene, FAKE),
    ),
    Attack::by_host(
        "node-of-another-removed",
        "no daemon finds the victim, and its endpoints pass for left behind",
        &[Policy, GuardOfHosts],
        |scene| scene.attacker.delete(VICTIM_NODE),
        |scene| scene.is_gone(VICTIM_NODE),
    ),
    Attack {
        over: Over::Http,
        ..Attack::by_host(
            "node-of-another-ended",
            "the same, by ending its session or its TTL",
            &[Policy, GuardOfHosts],
            |scene| match scene.attacker.protocol {
                StoreProtocol::Consul => {
                    let sessions = scene.attacker.sessions().into_iter();
                    sessions.fold(false, |_, session| scene.attacker.end_session(&session))
                }
                StoreProtocol::Etcd | StoreProtocol::ZooKeeper => {
                    let value = VICTIM_NODE.trim_start_matches("docker/nodes/");
                    scene.attacker.put_for(VICTIM_NODE, value, "1")
                }
            },
            |scene| scene.is_gone(VICTIM_NODE),
        )
    },
];

/// Whether the victim's discovery is shown a node of this value.
fn listed(scene: &Scene, value: &str) -> bool {
    // As libkv asks: of Consul by the prefix, of etcd for the directory.
    let listed = scene.victim.list("docker/nodes");
    listed.values().any(|entry| entry.value == value)
}

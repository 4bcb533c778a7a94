//! Names and addresses of containers: service discovery believes endpoints.

use crate::attack::Stop::{Guard, GuardOfHosts, Policy};
use crate::attack::{Attack, Scene};
use crate::records::{
    ATTACKER, DB, SHOP, SHOP_POOL, TEAM, VAULT, VICTIM, addresses, bits_key, endpoint,
    endpoint_key, key,
};

/// The id of the endpoint that the attacker adds.
const EVIL: &str = "eeee";

/// Adds an endpoint to the victims' network.
fn add(scene: &Scene, name: &str, address: &str, host: &str) -> bool {
    let value = endpoint(EVIL, name, address, SHOP_POOL, host);
    scene.attacker.swap(&endpoint_key(SHOP, EVIL), &value)
}

/// Has an address allotted that is free, as daemons do before they write an endpoint.
fn take_address(scene: &Scene) -> bool {
    let taken = addresses(SHOP_POOL, &[0, 1, 2, 3, 9, 255]);
    scene.attacker.swap(&bits_key(SHOP_POOL), &taken)
}

/// The same with an address that was allotted.
fn add_with_address(scene: &Scene, name: &str, host: &str) -> bool {
    take_address(scene) && add(scene, name, "10.55.0.9/24", host)
}

fn is_added(scene: &Scene) -> bool {
    scene.has(&endpoint_key(SHOP, EVIL), EVIL)
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack::by_host(
        "endpoint-of-another-taken",
        "all clients of the victim's container talk to the attacker's host",
        &[Guard],
        |scene| {
            scene
                .attacker
                .edit(&endpoint_key(SHOP, DB), VICTIM, ATTACKER)
        },
        |scene| scene.has(&endpoint_key(SHOP, DB), ATTACKER),
    ),
    Attack::by_host(
        "endpoint-of-another-readdressed",
        "the victim's name leads to an address of the attacker's",
        &[GuardOfHosts],
        |scene| {
            let key = endpoint_key(SHOP, DB);
            take_address(scene) && scene.attacker.edit(&key, "10.55.0.2/", "10.55.0.9/")
        },
        |scene| scene.has(&endpoint_key(SHOP, DB), "10.55.0.9/"),
    ),
    Attack::by_host(
        "endpoint-of-another-removed",
        "the victim's container has no name any more",
        &[GuardOfHosts],
        |scene| scene.attacker.delete(&endpoint_key(SHOP, DB)),
        |scene| scene.is_gone(&endpoint_key(SHOP, DB)),
    ),
    Attack::by_host(
        "endpoint-in-anothers-name",
        "a container appears on a host that does not have it",
        &[GuardOfHosts],
        |scene| add_with_address(scene, "evil", VICTIM),
        is_added,
    ),
    Attack::by_host(
        "address-of-another-freed",
        "the next container gets the address that the victim's has",
        &[Guard],
        |scene| {
            let freed = addresses(SHOP_POOL, &[0, 1, 3, 255]);
            scene.attacker.swap(&bits_key(SHOP_POOL), &freed)
        },
        |scene| scene.is_shown(&bits_key(SHOP_POOL), &addresses(SHOP_POOL, &[0, 1, 3, 255])),
    ),
    Attack::by_host(
        "network-of-another-team-joined",
        "the attacker has a container among those of another team",
        &[Policy],
        |scene| {
            let value = endpoint(EVIL, "evil", "10.55.0.9/24", SHOP_POOL, ATTACKER);
            scene.attacker.swap(&team_key(), &value)
        },
        |scene| scene.operator.value(&team_key()).is_some(),
    ),
    Attack::by_host(
        "network-of-its-tree-joined",
        "the attacker has a container in a network of its own tree that it was not in",
        &[],
        |scene| add_with_address(scene, "evil", ATTACKER),
        is_added,
    ),
    Attack::by_host(
        "name-of-another-shared",
        "half of the clients of db reach the attacker's container of that name",
        &[],
        |scene| add_with_address(scene, "db", ATTACKER),
        is_added,
    ),
    Attack::by_host(
        "address-of-another-claimed",
        "the victim's address leads back to the attacker's name, and is never given back",
        &[Guard],
        |scene| add(scene, "evil", "10.55.0.2/24", ATTACKER),
        is_added,
    ),
    Attack::by_host(
        "address-claimed-unallotted",
        "the next container gets an address that the attacker's has",
        &[Guard],
        |scene| add(scene, "evil", "10.55.0.9/24", ATTACKER),
        is_added,
    ),
];

fn team_key() -> String {
    format!("{TEAM}{}", key(&format!("endpoint/{VAULT}/{EVIL}")))
}

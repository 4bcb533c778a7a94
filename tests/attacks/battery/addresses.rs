//! Pools and bitmaps that are emptied, filled or made to overlap.

use crate::attack::Attack;
use crate::attack::Stop::Guard;
use crate::records::{
    OWN_POOL, SHOP_POOL, addresses, bits_key, pools, pools_key, vxlan_ids, vxlan_key,
};

/// The addresses that are taken in the victims' pool.
const TAKEN: [u64; 5] = [0, 1, 2, 3, 255];

/// How many are taken one by one: enough to see that nothing stops it.
const STEPS: u64 = 8;

fn exhausted() -> String {
    addresses(SHOP_POOL, &(0..256).collect::<Vec<_>>())
}

fn walked(steps: u64) -> String {
    let more = (0..steps).map(|step| 100 + step);
    addresses(
        SHOP_POOL,
        &TAKEN.into_iter().chain(more).collect::<Vec<_>>(),
    )
}

pub(super) const ATTACKS: &[Attack] = &[
    Attack::by_host(
        "pool-removed",
        "the next network gets the addresses of one in use",
        &[Guard],
        |scene| scene.attacker.swap(&pools_key(), &pools(&[OWN_POOL])),
        |scene| scene.is_shown(&pools_key(), &pools(&[OWN_POOL])),
    ),
    Attack::by_host(
        "pools-overlap",
        "networks of overlapping addresses",
        &[Guard],
        |scene| {
            let key = pools_key();
            let found = scene.attacker.value(&key).unwrap_or_default();
            let own = pools(&[OWN_POOL]).replace(OWN_POOL, "10.0.0.0/8");
            let entry = own.split_once("\"Subnets\":{").map(|(_, rest)| rest);
            let entry = entry.unwrap_or_default().trim_end_matches('}');
            let more = format!("\"Subnets\":{{{entry}}},");
            scene
                .attacker
                .swap(&key, &found.replacen("\"Subnets\":{", &more, 1))
        },
        |scene| scene.has(&pools_key(), "10.0.0.0/8"),
    ),
    Attack::by_host(
        "addresses-exhausted",
        "no container starts in the network any more",
        &[Guard],
        |scene| scene.attacker.swap(&bits_key(SHOP_POOL), &exhausted()),
        |scene| scene.is_shown(&bits_key(SHOP_POOL), &exhausted()),
    ),
    Attack::by_host(
        "addresses-taken-one-by-one",
        "the same in 251 writes, each like one that a daemon makes",
        &[],
        |scene| (1..=STEPS).all(|step| scene.attacker.swap(&bits_key(SHOP_POOL), &walked(step))),
        |scene| scene.is_shown(&bits_key(SHOP_POOL), &walked(STEPS)),
    ),
    Attack::by_host(
        "vxlan-ids-freed",
        "the next network gets the VXLAN id of one in use",
        &[Guard],
        |scene| scene.attacker.swap(&vxlan_key(), &vxlan_ids(&[])),
        |scene| scene.is_shown(&vxlan_key(), &vxlan_ids(&[])),
    ),
    Attack::by_host(
        "bitmap-removed",
        "the next container gets an address that is in use",
        &[Guard],
        |scene| scene.attacker.delete(&bits_key(SHOP_POOL)),
        |scene| scene.is_gone(&bits_key(SHOP_POOL)),
    ),
];

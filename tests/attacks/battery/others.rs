//! Keys, sessions and locks of others, and what a host's credential reads.

use crate::attack::Attack;
use crate::attack::Stop::Policy;
use crate::hands::StoreProtocol;
use crate::records::{LEADER, PASSWORD, SECRET, TEAM};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::by_host(
        "topology-read",
        "names, addresses and hosts of all containers of its own tree",
        &[],
        |scene| !scene.attacker.list("docker").is_empty(),
        |scene| {
            let shown = scene.attacker.list("docker");
            shown.values().any(|entry| entry.value.contains("\"db\""))
        },
    ),
    Attack::by_host(
        "topology-of-another-team-read",
        "the same of another team",
        &[Policy],
        |scene| !scene.attacker.list(TEAM.trim_end_matches('/')).is_empty(),
        |scene| {
            let shown = scene.attacker.list(TEAM.trim_end_matches('/'));
            shown.values().any(|entry| entry.value.contains("vault"))
        },
    ),
    Attack::by_host(
        "password-read",
        "a value of a program that is none of Docker's",
        &[Policy],
        |scene| scene.attacker.read(PASSWORD).is_some(),
        |scene| scene.attacker.value(PASSWORD).as_deref() == Some(SECRET),
    ),
    Attack::by_host(
        "password-listed",
        "the same by a list of everything",
        &[Policy],
        |scene| scene.attacker.list("").contains_key(PASSWORD),
        |scene| scene.attacker.list("").contains_key(PASSWORD),
    ),
    Attack::by_host(
        "setting-changed",
        "a program does what the attacker set",
        &[Policy],
        |scene| scene.attacker.put("apps/config", "off"),
        |scene| scene.operator.value("apps/config").as_deref() == Some("off"),
    ),
    Attack::by_host(
        "lock-stolen",
        "two leaders of one program",
        &[Policy],
        |scene| match scene.attacker.protocol {
            StoreProtocol::Consul => {
                let held = scene.attacker.read(LEADER);
                let holder = held.map(|held| held.session).unwrap_or_default();
                scene.attacker.release(LEADER, &holder);
                let own = scene.attacker.session("release");
                scene.attacker.acquire(LEADER, "thief", &own)
            }
            StoreProtocol::Etcd | StoreProtocol::ZooKeeper => scene.attacker.swap(LEADER, "thief"),
        },
        |scene| scene.operator.value(LEADER).as_deref() == Some("thief"),
    ),
];

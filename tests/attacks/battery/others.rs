//! Keys, sessions and locks of others, and what a host's credential reads.

use crate::attack::Stop::Policy;
use crate::attack::{Attack, Means, Over, Scene, Stop};
use crate::hands::StoreProtocol;
use crate::records::{LEADER, PASSWORD, SECRET, TEAM};

const fn others(
    name: &'static str,
    harm: &'static str,
    stops: &'static [Stop],
    strike: fn(&Scene) -> bool,
    worked: fn(&Scene) -> bool,
) -> Attack {
    Attack {
        name,
        harm,
        means: Means::Host,
        over: Over::All,
        stops,
        strike,
        worked,
    }
}

pub(super) const ATTACKS: &[Attack] = &[
    others(
        "topology-read",
        "names, addresses and hosts of all containers of its own tree",
        &[],
        |scene| !scene.attacker.list("docker").is_empty(),
        |scene| {
            let shown = scene.attacker.list("docker");
            shown.values().any(|entry| entry.value.contains("\"db\""))
        },
    ),
    others(
        "topology-of-another-team-read",
        "the same of another team",
        &[Policy],
        |scene| !scene.attacker.list(TEAM.trim_end_matches('/')).is_empty(),
        |scene| {
            let shown = scene.attacker.list(TEAM.trim_end_matches('/'));
            shown.values().any(|entry| entry.value.contains("vault"))
        },
    ),
    others(
        "password-read",
        "a value of a program that is none of Docker's",
        &[Policy],
        |scene| scene.attacker.read(PASSWORD).is_some(),
        |scene| scene.attacker.value(PASSWORD).as_deref() == Some(SECRET),
    ),
    others(
        "password-listed",
        "the same by a list of everything",
        &[Policy],
        |scene| scene.attacker.list("").contains_key(PASSWORD),
        |scene| scene.attacker.list("").contains_key(PASSWORD),
    ),
    others(
        "setting-changed",
        "a program does what the attacker set",
        &[Policy],
        |scene| scene.attacker.put("apps/config", "off"),
        |scene| scene.operator.value("apps/config").as_deref() == Some("off"),
    ),
    others(
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

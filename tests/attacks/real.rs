//! Battery on real servers, and on kubekv where each host has an address of its own.

use crate::attack::{AttackOutcome, Means};
use crate::battery::all;
use crate::credentials::AttackCredentials;
use crate::hands::StoreProtocol;
use crate::short::{attacker_of, check};
use crate::site::{Attacker, Deployment, KubekvMode, Place, Site};
use crate::table::place;

/// As they come, nothing is refused to anybody.
fn everything_works(protocol: StoreProtocol) {
    let credentials = AttackCredentials::make(&["127.0.0.1"]);
    let mut site = Site::start(&credentials, Deployment::Real, protocol, Place::Loopback);
    for attack in all() {
        let outcome = attack.run(&site.scene(Attacker::Anybody));
        let expected = if attack.is_over(protocol) {
            AttackOutcome::Works
        } else {
            AttackOutcome::NotApplicable
        };
        assert_eq!(outcome, expected, "{}", attack.name);
        site.restore();
    }
}

#[test]
#[ignore = "needs etcd 3.4: tests/run"]
fn every_attack_works_on_a_real_etcd() {
    everything_works(StoreProtocol::Etcd);
}

#[test]
#[ignore = "needs Consul 1.8: tests/run"]
fn every_attack_works_on_a_real_consul() {
    everything_works(StoreProtocol::Consul);
}

#[test]
#[ignore = "needs ZooKeeper 3.8: tests/run"]
fn every_attack_works_on_a_real_zookeeper() {
    everything_works(StoreProtocol::ZooKeeper);
}

/// With TLS and the rights that they can give, nobody without a credential gets in, and a host still harms all others.
fn records_are_everybodys(protocol: StoreProtocol) {
    let credentials = AttackCredentials::make(&["127.0.0.1"]);
    let deployment = Deployment::RealSecured;
    let mut site = Site::start(&credentials, deployment, protocol, Place::Loopback);
    let mut working = 0;
    for attack in all().iter().filter(|attack| attack.is_over(protocol)) {
        for nobody in [Attacker::Anybody, Attacker::Forger] {
            let outcome = attack.run(&site.scene(nobody));
            let refused = matches!(outcome, AttackOutcome::Refused(_));
            assert!(refused, "{}: {outcome:?}", attack.name);
        }
        let outcome = attack.run(&site.scene(attacker_of(attack)));
        // Only a policy of keys stops one; what a record holds they do not look at.
        if attack
            .stops
            .iter()
            .all(|stop| *stop != crate::attack::Stop::Policy)
            && attack.means == Means::Host
        {
            assert_eq!(outcome, AttackOutcome::Works, "{}", attack.name);
            working += 1;
        }
        site.restore();
    }
    assert!(working > 20, "{working}");
}

#[test]
#[ignore = "needs etcd 3.4: tests/run"]
fn a_real_etcd_with_users_leaves_records_to_every_host() {
    records_are_everybodys(StoreProtocol::Etcd);
}

#[test]
#[ignore = "needs Consul 1.8: tests/run"]
fn a_real_consul_with_tokens_leaves_records_to_every_host() {
    records_are_everybodys(StoreProtocol::Consul);
}

#[test]
#[ignore = "by hand, needs addresses of hosts: tests/attacks/run --guard"]
fn the_guard_knows_hosts_by_their_addresses_by_hand() {
    assert_eq!(place(), Place::Addresses, "started by tests/attacks/run");
    for protocol in [
        StoreProtocol::Consul,
        StoreProtocol::Etcd,
        StoreProtocol::ZooKeeper,
    ] {
        check(KubekvMode::Guard, protocol, Place::Addresses);
    }
}

//! Battery on kubekv alone: each attack works where nothing stops it, and in each mode those are refused that it promises to stop.

use crate::attack::{Attack, AttackOutcome, Means, Stop};
use crate::battery::all;
use crate::credentials::AttackCredentials;
use crate::hands::StoreProtocol;
use crate::site::{Attacker, Deployment, KubekvMode, Place, Site};

/// Whether a mode promises to stop an attack of a host, or of a page.
pub(crate) fn promises(mode: KubekvMode, place: Place, attack: &Attack) -> bool {
    let stops = |stop: &Stop| match stop {
        Stop::Policy => mode.has_policy(),
        Stop::Guard => mode.has_guard(),
        // By the address in the certificate, else by the connection's.
        Stop::GuardOfHosts => mode.has_guard() && (mode.has_policy() || place == Place::Addresses),
        Stop::Pages => true,
    };
    attack.stops.iter().any(stops) || attack.means == Means::Page && mode.has_tls()
}

/// Whom an attack comes from, where the attacker has a host's credential or a page.
pub(crate) fn attacker_of(attack: &Attack) -> Attacker {
    match attack.means {
        Means::Host => Attacker::Host,
        Means::Page => Attacker::Anybody,
    }
}

/// Runs every attack, and compares what became of it with what is promised.
pub(crate) fn check(mode: KubekvMode, protocol: StoreProtocol, place: Place) {
    let credentials = AttackCredentials::make(&["127.0.0.1", "10.99.0.254"]);
    let mut site = Site::start(&credentials, Deployment::Kubekv(mode), protocol, place);
    let mut wrong = Vec::new();
    let (mut stopped, mut worked) = (0, 0);
    for attack in all() {
        if !attack.is_over(protocol) {
            continue;
        }
        let outcome = attack.run(&site.scene(attacker_of(&attack)));
        match (&outcome, promises(mode, place, &attack)) {
            (AttackOutcome::Refused(_), true) => stopped += 1,
            (AttackOutcome::Works, false) => worked += 1,
            (other, promised) => wrong.push(format!(
                "{}: {other:?}, promised to be refused: {promised}",
                attack.name
            )),
        }
        site.restore();
    }
    assert!(wrong.is_empty(), "{mode:?} over {protocol:?}: {wrong:#?}");
    println!("{mode:?} over {protocol:?}: {stopped} refused, {worked} work");
}

/// The protocols over which dockerd can show a certificate, and all.
const PROTOCOLS: [StoreProtocol; 2] = [StoreProtocol::Consul, StoreProtocol::Etcd];
const PLAIN: [StoreProtocol; 3] = [
    StoreProtocol::Consul,
    StoreProtocol::Etcd,
    StoreProtocol::ZooKeeper,
];

#[test]
fn every_attack_works_on_a_bare_gateway_but_those_of_pages() {
    for protocol in PLAIN {
        check(KubekvMode::Bare, protocol, Place::Loopback);
    }
}

#[test]
fn the_policy_refuses_what_a_host_has_no_business_with() {
    for protocol in PROTOCOLS {
        check(KubekvMode::Policy, protocol, Place::Loopback);
    }
}

#[test]
fn the_guard_refuses_what_harms_daemons() {
    for protocol in PLAIN {
        check(KubekvMode::Guard, protocol, Place::Loopback);
    }
}

#[test]
fn all_together_refuse_what_each_refuses() {
    for protocol in PROTOCOLS {
        check(KubekvMode::All, protocol, Place::Loopback);
    }
}

/// Every attack by somebody whom no authority vouches for.
fn without_a_credential(attacker: Attacker) {
    let credentials = AttackCredentials::make(&["127.0.0.1"]);
    let deployment = Deployment::Kubekv(KubekvMode::Tls);
    for protocol in PROTOCOLS {
        let site = Site::start(&credentials, deployment, protocol, Place::Loopback);
        for attack in all().iter().filter(|attack| attack.is_over(protocol)) {
            let outcome = attack.run(&site.scene(attacker));
            let refused = AttackOutcome::Refused("handshake".to_owned());
            assert_eq!(outcome, refused, "{} over {protocol:?}", attack.name);
        }
        assert!(site.is_pristine());
    }
}

#[test]
fn whoever_has_no_certificate_is_refused_in_the_handshake() {
    without_a_credential(Attacker::Anybody);
}

#[test]
fn whoever_has_a_certificate_of_another_authority_is_refused_in_the_handshake() {
    without_a_credential(Attacker::Forger);
}

/// Clients that show tokens and passwords, and no certificates.
#[test]
fn a_stolen_token_does_what_the_policy_leaves_its_host() {
    for protocol in PROTOCOLS {
        check(KubekvMode::Secrets, protocol, Place::Loopback);
    }
}

#[test]
fn a_stolen_token_harms_no_daemon_under_the_guard() {
    for protocol in PROTOCOLS {
        check(KubekvMode::GuardedSecrets, protocol, Place::Loopback);
    }
}

/// One attack for each thing that a request can do; each refusal takes its time.
const SAMPLE: [&str; 6] = [
    "network-of-nothing",
    "node-of-no-address",
    "networks-deleted",
    "topology-read",
    "password-listed",
    "lock-stolen",
];

/// That nothing of the sample works, and nothing is changed.
fn nothing_works(site: &Site<'_>, attacker: Attacker, how: &[&str]) {
    for attack in all().iter().filter(|attack| SAMPLE.contains(&attack.name)) {
        match attack.run(&site.scene(attacker)) {
            AttackOutcome::Refused(said) => {
                assert!(how.contains(&said.as_str()), "{}: {said}", attack.name);
            }
            outcome @ (AttackOutcome::Works
            | AttackOutcome::NoEffect
            | AttackOutcome::NotApplicable) => panic!("{}: {outcome:?}", attack.name),
        }
    }
    assert!(site.is_pristine());
}

#[test]
fn a_token_that_nobody_was_given_or_that_was_revoked_does_nothing() {
    for protocol in PROTOCOLS {
        let credentials = AttackCredentials::make(&["127.0.0.1"]);
        let deployment = Deployment::Kubekv(KubekvMode::Secrets);
        let site = Site::start(&credentials, deployment, protocol, Place::Loopback);
        let refused = ["401", "403"];
        nothing_works(&site, Attacker::Anybody, &["401", "403", "hidden"]);
        nothing_works(&site, Attacker::Forger, &refused);
        site.revoke();
        nothing_works(&site, Attacker::SecretThief, &refused);
    }
}

#[test]
fn a_stolen_token_is_worth_nothing_without_its_hosts_certificate() {
    for protocol in PROTOCOLS {
        let credentials = AttackCredentials::make(&["127.0.0.1"]);
        let deployment = Deployment::Kubekv(KubekvMode::Everything);
        let site = Site::start(&credentials, deployment, protocol, Place::Loopback);
        nothing_works(&site, Attacker::SecretThief, &["handshake"]);
        nothing_works(&site, Attacker::SecretElsewhere, &["401", "403"]);
    }
}

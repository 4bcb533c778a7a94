//! The table of docs/security.md about tokens and passwords, made by `tests/attacks/run --secrets`.

use std::net::Ipv4Addr;

use crate::credentials::AttackCredentials;
use crate::hands::StoreProtocol;
use crate::secrets::GIVEN;
use crate::site::{Attacker, Deployment, KubekvMode, Place, STORE, Site};
use crate::table::{count_working, place, row, write_table};

const CONSUL: &[StoreProtocol] = &[StoreProtocol::Consul];
const ETCD: &[StoreProtocol] = &[StoreProtocol::Etcd];
const BOTH: &[StoreProtocol] = &[StoreProtocol::Consul, StoreProtocol::Etcd];

/// The columns: what they are called, how each is deployed, and the protocols over which it is asked.
const COLUMNS: [(&str, Deployment, &[StoreProtocol]); 7] = [
    ("etcd, users", Deployment::RealSecrets, ETCD),
    ("Consul, ACL", Deployment::RealSecrets, CONSUL),
    ("Consul, TLS and ACL", Deployment::RealSecured, CONSUL),
    (
        "kubekv without `--credentials`",
        Deployment::Kubekv(KubekvMode::Bare),
        BOTH,
    ),
    (
        "`--credentials`, policy",
        Deployment::Kubekv(KubekvMode::Secrets),
        BOTH,
    ),
    (
        "and the guard",
        Deployment::Kubekv(KubekvMode::GuardedSecrets),
        BOTH,
    ),
    (
        "and certificates",
        Deployment::Kubekv(KubekvMode::Everything),
        BOTH,
    ),
];

/// The rows but the last: what the attacker shows.
const ROWS: [(&str, Attacker); 5] = [
    ("nothing", Attacker::Anybody),
    ("one that nobody was given", Attacker::Forger),
    ("a Docker host's that was stolen", Attacker::SecretThief),
    (
        "the same, beside another host's certificate",
        Attacker::SecretElsewhere,
    ),
    ("the same, beside its own certificate", Attacker::Host),
];
const REVOKED: &str = "the same by itself, after it was revoked";

/// The cells of a column.
fn column(deployment: Deployment, protocols: &[StoreProtocol], place: Place) -> Vec<String> {
    let credentials =
        AttackCredentials::make(&[&Ipv4Addr::LOCALHOST.to_string(), &STORE.to_string()]);
    let mut sums = vec![(0, 0); ROWS.len() + 1];
    for protocol in protocols {
        credentials.give(&GIVEN);
        let mut site = Site::start(&credentials, deployment, *protocol, place);
        let mut add = |at: usize, (works, of): (usize, usize)| {
            sums[at] = (sums[at].0 + works, sums[at].1 + of);
        };
        for (at, (_, attacker)) in ROWS.iter().enumerate() {
            let has_certificate = matches!(attacker, Attacker::SecretElsewhere | Attacker::Host);
            if site.has_tls() || !has_certificate {
                add(at, count_working(&mut site, *attacker));
            }
        }
        if site.knows_clients() {
            site.revoke();
            add(ROWS.len(), count_working(&mut site, Attacker::SecretThief));
        }
    }
    let cell = |(works, of): (usize, usize)| match of {
        0 => "-".to_owned(),
        _ => format!("{works} of {of}"),
    };
    let cells: Vec<String> = sums.into_iter().map(cell).collect();
    println!("{deployment:?}: {cells:?}");
    cells
}

#[test]
#[ignore = "by hand, needs etcd and Consul: tests/attacks/run --secrets"]
fn the_table_of_secrets_by_hand() {
    let place = place();
    assert_eq!(place, Place::Addresses, "started by tests/attacks/run");
    let columns = COLUMNS.map(|(_, deployment, protocols)| column(deployment, protocols, place));
    let mut text = String::new();
    let titles = COLUMNS.iter().map(|(title, ..)| (*title).to_owned());
    let first = "the attacker's token or password".to_owned();
    row(&mut text, [first].into_iter().chain(titles));
    row(&mut text, vec!["---".to_owned(); COLUMNS.len() + 1]);
    let names = ROWS.iter().map(|(name, _)| *name).chain([REVOKED]);
    for (at, name) in names.enumerate() {
        let cells = columns.iter().map(|cells| cells[at].clone());
        row(&mut text, [name.to_owned()].into_iter().chain(cells));
    }
    write_table(&text);
}

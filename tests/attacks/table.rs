//! The table of docs/security.md: what became of every attack in every deployment, made by `tests/attacks/run`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};

use crate::attack::{Attack, AttackOutcome, Means};
use crate::battery::all;
use crate::credentials::AttackCredentials;
use crate::exposure::Exposure;
use crate::hands::StoreProtocol;
use crate::short::attacker_of;
use crate::site::{Attacker, Deployment, KubekvMode, Place, STORE, Site};

/// A column: a deployment, over the protocols that it is asked by.
struct Column {
    title: &'static str,
    deployment: Deployment,
    protocols: &'static [StoreProtocol],
}

const ALL: &[StoreProtocol] = &[
    StoreProtocol::Consul,
    StoreProtocol::Etcd,
    StoreProtocol::ZooKeeper,
];
/// Over ZooKeeper's dockerd speaks no TLS.
const BOTH: &[StoreProtocol] = &[StoreProtocol::Consul, StoreProtocol::Etcd];
const ZOOKEEPER: &[StoreProtocol] = &[StoreProtocol::ZooKeeper];
const CONSUL: &[StoreProtocol] = &[StoreProtocol::Consul];
const ETCD: &[StoreProtocol] = &[StoreProtocol::Etcd];

const fn column(
    title: &'static str,
    deployment: Deployment,
    protocols: &'static [StoreProtocol],
) -> Column {
    Column {
        title,
        deployment,
        protocols,
    }
}

const COLUMNS: [Column; 10] = [
    column("etcd", Deployment::Real, ETCD),
    column("etcd, TLS and users", Deployment::RealSecured, ETCD),
    column("Consul", Deployment::Real, CONSUL),
    column("Consul, TLS and ACL", Deployment::RealSecured, CONSUL),
    column("ZooKeeper", Deployment::Real, ZOOKEEPER),
    column("kubekv", Deployment::Kubekv(KubekvMode::Bare), ALL),
    column("kubekv, TLS", Deployment::Kubekv(KubekvMode::Tls), BOTH),
    column("TLS, policy", Deployment::Kubekv(KubekvMode::Policy), BOTH),
    column("guard alone", Deployment::Kubekv(KubekvMode::Guard), ALL),
    column("all", Deployment::Kubekv(KubekvMode::All), BOTH),
];

/// What was found of one column.
#[derive(Debug, Default)]
struct ColumnResults {
    /// By attack and protocol.
    outcomes: BTreeMap<(&'static str, StoreProtocol), AttackOutcome>,
    /// By who attacks: how many of how many work.
    by_attacker: BTreeMap<&'static str, (usize, usize)>,
    exposure: BTreeMap<StoreProtocol, Exposure>,
}

/// A number of an exposure.
type ExposedKeys = fn(&Exposure) -> usize;

const NOBODY: &str = "nobody's: whoever reaches the port";
const FORGER: &str = "a certificate of another authority, with a host's names";
const HOST: &str = "a Docker host's that was stolen, or a hostile Docker host";
const PAGE: &str = "a web page in a browser on a machine that reaches the port";

fn run(column: &Column, credentials: &AttackCredentials, place: Place) -> ColumnResults {
    let mut results = ColumnResults::default();
    for protocol in column.protocols {
        let mut site = Site::start(credentials, column.deployment, *protocol, place);
        let attacks = all();
        let knows_nobody = !site.knows_clients();
        let mut strike = |attack: &Attack, attacker: Attacker, names: &[&'static str]| {
            let outcome = attack.run(&site.scene(attacker));
            for name in names {
                if outcome != AttackOutcome::NotApplicable {
                    let (works, of) = results.by_attacker.entry(name).or_default();
                    *works += usize::from(outcome == AttackOutcome::Works);
                    *of += 1;
                }
            }
            site.restore();
            outcome
        };
        for attack in &attacks {
            let names: &[&str] = match attack.means {
                Means::Page => &[PAGE],
                // Without TLS nobody has a credential, and all are one.
                Means::Host if knows_nobody => &[HOST, NOBODY, FORGER],
                Means::Host => &[HOST],
            };
            let outcome = strike(attack, attacker_of(attack), names);
            results.outcomes.insert((attack.name, *protocol), outcome);
            if attack.means == Means::Host && !knows_nobody {
                strike(attack, Attacker::Anybody, &[NOBODY]);
                strike(attack, Attacker::Forger, &[FORGER]);
            }
        }
        let exposure = Exposure::measure(&mut site);
        results.exposure.insert(*protocol, exposure);
    }
    println!(
        "{}: {:?}, {:?}",
        column.title, results.by_attacker, results.exposure
    );
    results
}

/// How many attacks of a host work, of how many.
pub(crate) fn count_working(site: &mut Site<'_>, attacker: Attacker) -> (usize, usize) {
    let (mut works, mut of) = (0, 0);
    for attack in all() {
        if attack.means != Means::Host || !attack.is_over(site.protocol) {
            continue;
        }
        let outcome = attack.run(&site.scene(attacker));
        works += usize::from(outcome == AttackOutcome::Works);
        of += 1;
        site.restore();
    }
    (works, of)
}

/// What a cell says of an attack over all protocols of its column.
fn cell(attack: &Attack, column: &Column, results: &ColumnResults) -> String {
    let of = |protocol: &StoreProtocol| results.outcomes.get(&(attack.name, *protocol));
    let found = column.protocols.iter().filter_map(of);
    let found: Vec<&AttackOutcome> = found
        .filter(|outcome| **outcome != AttackOutcome::NotApplicable)
        .collect();
    let mut words: Vec<String> = found.iter().map(|outcome| word(outcome)).collect();
    words.dedup();
    if words.is_empty() {
        "-".to_owned()
    } else {
        words.join(", ")
    }
}

fn word(outcome: &AttackOutcome) -> String {
    match outcome {
        AttackOutcome::Works => "**works**".to_owned(),
        AttackOutcome::Refused(how) => how.clone(),
        AttackOutcome::NoEffect => "no effect".to_owned(),
        AttackOutcome::NotApplicable => "-".to_owned(),
    }
}

pub(crate) fn row(text: &mut String, cells: impl IntoIterator<Item = String>) {
    let cells: Vec<String> = cells.into_iter().collect();
    writeln!(text, "| {} |", cells.join(" | ")).unwrap();
}

fn head(text: &mut String, first: &[&str]) {
    let titles = COLUMNS.iter().map(|column| column.title);
    let all: Vec<&str> = first.iter().copied().chain(titles).collect();
    row(text, all.iter().map(|title| (*title).to_owned()));
    row(text, all.iter().map(|_| "---".to_owned()));
}

fn markdown(results: &[ColumnResults]) -> String {
    let mut text = String::new();
    let columns = || COLUMNS.iter().zip(results);
    text.push_str("How many attacks work, by the credential of whoever makes them:\n\n");
    head(&mut text, &["credential"]);
    for name in [NOBODY, FORGER, HOST, PAGE] {
        let share = |results: &ColumnResults| {
            let (works, of) = results.by_attacker.get(name).copied().unwrap_or_default();
            format!("{works} of {of}")
        };
        let cells = results.iter().map(share);
        row(&mut text, [name.to_owned()].into_iter().chain(cells));
    }
    text.push_str(
        "\nWhat one stolen credential of a host reaches, of the keys that are not its own:\n\n",
    );
    head(&mut text, &["keys of others"]);
    let kinds: [(&str, ExposedKeys); 3] = [
        ("read", |exposure| exposure.read),
        ("replaced by anything", |exposure| exposure.replaced),
        ("deleted", |exposure| exposure.deleted),
    ];
    for (name, number) in kinds {
        let share = |results: &ColumnResults| {
            let most = results
                .exposure
                .values()
                .max_by_key(|exposure| number(exposure));
            most.map_or_else(String::new, |most| {
                format!("{} of {}", number(most), most.keys)
            })
        };
        let cells = results.iter().map(share);
        row(&mut text, [name.to_owned()].into_iter().chain(cells));
    }
    text.push_str("\nEach attack, by a host with its credential, or by a page:\n\n");
    head(&mut text, &["attack", "if it works"]);
    for attack in all() {
        let cells = columns().map(|(column, results)| cell(&attack, column, results));
        let first = [format!("`{}`", attack.name), attack.harm.to_owned()];
        row(&mut text, first.into_iter().chain(cells));
    }
    text
}

/// Where hosts have addresses of their own, which `tests/attacks/run` makes.
pub(crate) fn place() -> Place {
    let there = TcpListener::bind((STORE, 0));
    if there.is_ok() {
        Place::Addresses
    } else {
        Place::Loopback
    }
}

#[test]
#[ignore = "by hand, needs etcd and Consul: tests/attacks/run"]
fn the_table_by_hand() {
    let place = place();
    assert_eq!(place, Place::Addresses, "started by tests/attacks/run");
    let credentials =
        AttackCredentials::make(&[&Ipv4Addr::LOCALHOST.to_string(), &STORE.to_string()]);
    let results: Vec<_> = COLUMNS
        .iter()
        .map(|column| run(column, &credentials, place))
        .collect();
    write_table(&markdown(&results));
}

/// Writes a table where `tests/attacks/run` wants it, or prints it.
pub(crate) fn write_table(text: &str) {
    match std::env::var_os("ATTACKS_TABLE") {
        Some(file) => std::fs::write(file, text).unwrap(),
        None => println!("{text}"),
    }
}

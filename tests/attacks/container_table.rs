//! The table of docs/security.md about a process in a network namespace of its own, made by `tests/attacks/run --containers`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::client::StoreClient;
use crate::credentials::AttackCredentials;
use crate::hands::StoreProtocol;
use crate::site::{Attacker, BRIDGE, Container, Deployment, KubekvMode, Place, STORE, Site};
use crate::table::{count_working, place, row, write_table};

const ALL: &[StoreProtocol] = &[
    StoreProtocol::Consul,
    StoreProtocol::Etcd,
    StoreProtocol::ZooKeeper,
];
const BOTH: &[StoreProtocol] = &[StoreProtocol::Consul, StoreProtocol::Etcd];
const CONSUL: &[StoreProtocol] = &[StoreProtocol::Consul];
const ETCD: &[StoreProtocol] = &[StoreProtocol::Etcd];

/// The columns: what they are called, how each is deployed, and the protocols over which it is asked.
const COLUMNS: [(&str, Deployment, &[StoreProtocol]); 8] = [
    ("etcd", Deployment::Real, ETCD),
    ("Consul", Deployment::Real, CONSUL),
    ("kubekv", Deployment::Kubekv(KubekvMode::Bare), ALL),
    ("kubekv, TLS", Deployment::Kubekv(KubekvMode::Tls), BOTH),
    ("TLS, policy", Deployment::Kubekv(KubekvMode::Policy), BOTH),
    (
        "`--credentials`, policy",
        Deployment::Kubekv(KubekvMode::Secrets),
        BOTH,
    ),
    ("guard alone", Deployment::Kubekv(KubekvMode::Guard), ALL),
    ("all", Deployment::Kubekv(KubekvMode::All), BOTH),
];

/// The rows: where the store listens, and where the process is.
const ROWS: [(&str, Place, Container); 3] = [
    (
        "on loopback, the process on the same machine",
        Place::Loopback,
        Container::Near,
    ),
    (
        "on an address, the process on the same machine",
        Place::Addresses,
        Container::Near,
    ),
    (
        "on an address, the process on a Docker host, which lends it its own",
        Place::Addresses,
        Container::Far,
    ),
];

/// What a process makes of a store.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    works: usize,
    of: usize,
    /// The ports of all that listens on the store's machine that take its connections.
    ports: usize,
    of_ports: usize,
}

/// Addresses on which this machine listens; those that it has over IPv6 are none here.
fn listening() -> Vec<SocketAddr> {
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let listens = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (address, state) = (fields.next()?, fields.nth(1)?);
        let (ip, port) = address.split_once(':')?;
        let ip = u32::from_str_radix(ip, 16).ok()?;
        let port = u16::from_str_radix(port, 16).ok()?;
        let ip = Ipv4Addr::from(ip.swap_bytes());
        (state == "0A").then(|| SocketAddr::from((ip, port)))
    };
    table.lines().filter_map(listens).collect()
}

/// Whether a process in a container is let in at a port.
fn reaches(container: Container, client: &StoreClient, port: SocketAddr) -> bool {
    let bridge = match container {
        Container::Near => BRIDGE,
        Container::Far => STORE,
    };
    let own = IpAddr::from(bridge);
    let is_open = |ip| {
        let to = SocketAddr::new(ip, port.port());
        let client = StoreClient {
            to,
            ..client.clone()
        };
        client.connect().is_ok()
    };
    is_open(own) || !port.ip().is_loopback() && is_open(IpAddr::from(STORE))
}

fn reach(
    deployment: Deployment,
    protocols: &[StoreProtocol],
    place: Place,
    container: Container,
) -> Reach {
    let credentials =
        AttackCredentials::make(&[&Ipv4Addr::LOCALHOST.to_string(), &STORE.to_string()]);
    let mut reach = Reach::default();
    for protocol in protocols {
        let mut site = Site::start(&credentials, deployment, *protocol, place);
        let (works, of) = count_working(&mut site, Attacker::Container(container));
        let client = site.contained(container);
        let listening = listening();
        let ports = listening
            .iter()
            .filter(|port| reaches(container, &client, **port));
        reach = Reach {
            works: reach.works + works,
            of: reach.of + of,
            ports: reach.ports.max(ports.count()),
            of_ports: reach.of_ports.max(listening.len()),
        };
    }
    println!("{deployment:?}, {place:?}, {container:?}: {reach:?}");
    reach
}

#[test]
#[ignore = "by hand, needs etcd and Consul: tests/attacks/run --containers"]
fn the_table_of_containers_by_hand() {
    assert_eq!(place(), Place::Addresses, "started by tests/attacks/run");
    let mut text = String::new();
    let titles = COLUMNS.iter().map(|(title, ..)| (*title).to_owned());
    let first = "the store listens".to_owned();
    row(&mut text, [first].into_iter().chain(titles));
    row(&mut text, vec!["---".to_owned(); COLUMNS.len() + 1]);
    for (name, place, container) in ROWS {
        let found = COLUMNS
            .map(|(_, deployment, protocols)| reach(deployment, protocols, place, container));
        if place == Place::Loopback {
            let open = found
                .iter()
                .find(|reach| reach.works > 0 || reach.ports > 0);
            assert!(open.is_none(), "loopback is reached: {open:?}");
        }
        let works = found.map(|reach| format!("{} of {}", reach.works, reach.of));
        let ports = found.map(|reach| format!("{} of {}", reach.ports, reach.of_ports));
        row(
            &mut text,
            [format!("{name}: attacks that work")]
                .into_iter()
                .chain(works),
        );
        row(
            &mut text,
            [format!("{name}: ports that it reaches")]
                .into_iter()
                .chain(ports),
        );
    }
    write_table(&text);
}

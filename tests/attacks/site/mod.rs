//! `Site`: a store with the attacked fleet's records, as it is deployed, and the clients of an attack on it.

mod kubekv;
mod real_consul;
mod real_etcd;
mod real_server;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use self::kubekv::Gateway;
pub(crate) use self::kubekv::KubekvMode;
use self::real_consul::RealConsul;
use self::real_etcd::RealEtcd;
use crate::attack::Scene;
use crate::client::StoreClient;
use crate::credentials::{AttackCredentials, Shown};
use crate::hands::{Hands, StoreProtocol};
use crate::records::{ATTACKER, LEADER, THIRD, VICTIM, VICTIM_NODE, fixture};
use crate::secrets::{ClientSecret, GIVEN};
use support::until::until;
use support::zookeeper::ZooKeeper;

/// The address where a store listens that is reached over a network.
pub(crate) const STORE: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 254);

/// The seconds of what the victim and the operator keep alive: longer than any run.
const TTL: &str = "3600";

/// How a store is deployed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deployment {
    /// etcd 3.4, or Consul 1.8.7, as it comes.
    Real,
    /// The same with TLS, certificates of clients, and what rights it can give to hosts.
    RealSecured,
    /// The same with those rights alone: users with passwords, or tokens.
    RealSecrets,
    Kubekv(KubekvMode),
}

/// What a real server asks of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RealRights {
    None,
    /// A token, or a user's password.
    Secrets,
    /// A certificate, and a token besides where it knows clients by that alone.
    Certificates,
}

/// Where a store and its clients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// All on loopback: no address says which host a client is.
    Loopback,
    /// Each host has its address, as `tests/attacks/run` gives them.
    Addresses,
}

/// Whom an attack comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attacker {
    /// Whoever reaches the port.
    Anybody,
    /// Whoever has an authority of his own.
    Forger,
    /// A Docker host that was broken into, or a thief of all its credentials.
    Host,
    /// A thief of its token or password.
    SecretThief,
    /// The same on another Docker host, which has its own certificate.
    SecretElsewhere,
    /// A process without any, in this network namespace.
    Container(Container),
}

/// Where a process in a network namespace of its own runs, as `tests/attacks/run --containers` makes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// On the store's machine.
    Near,
    /// On the Docker host that is attacked from, behind its address.
    Far,
}

/// The address of the store's machine on the bridge of its containers.
pub(crate) const BRIDGE: Ipv4Addr = Ipv4Addr::new(172, 30, 0, 1);

/// A store that runs.
#[derive(Debug)]
pub(crate) struct Site<'a> {
    credentials: &'a AttackCredentials,
    pub(crate) deployment: Deployment,
    pub(crate) protocol: StoreProtocol,
    place: Place,
    server: SiteServer,
    /// What the operator saw before any attack.
    pristine: BTreeMap<String, (String, bool)>,
    /// How many strangers have come: each from another address, since kubekv answers one that fails ever later.
    strangers: Cell<u16>,
}

enum SiteServer {
    Kubekv(Gateway),
    Etcd(RealEtcd),
    Consul(RealConsul),
    /// It has no rights that dockerd could claim.
    ZooKeeper(ZooKeeper),
}

impl std::fmt::Debug for SiteServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SiteServer")
    }
}

impl<'a> Site<'a> {
    /// Starts one with the fleet's records.
    pub(crate) fn start(
        credentials: &'a AttackCredentials,
        deployment: Deployment,
        protocol: StoreProtocol,
        place: Place,
    ) -> Self {
        let at = match place {
            Place::Loopback => Ipv4Addr::LOCALHOST,
            Place::Addresses => STORE,
        };
        let rights = match deployment {
            Deployment::Real | Deployment::Kubekv(_) => RealRights::None,
            Deployment::RealSecrets => RealRights::Secrets,
            Deployment::RealSecured => RealRights::Certificates,
        };
        let server = match (deployment, protocol) {
            (Deployment::Kubekv(mode), _) => {
                SiteServer::Kubekv(Gateway::start(credentials, mode, protocol, at))
            }
            (_, StoreProtocol::Etcd) => SiteServer::Etcd(RealEtcd::start(credentials, rights, at)),
            (_, StoreProtocol::Consul) => {
                SiteServer::Consul(RealConsul::start(credentials, rights, at))
            }
            (_, StoreProtocol::ZooKeeper) => SiteServer::ZooKeeper(ZooKeeper::start()),
        };
        let mut site = Self {
            credentials,
            deployment,
            protocol,
            place,
            server,
            pristine: BTreeMap::new(),
            strangers: Cell::new(0),
        };
        site.populate();
        site.pristine = site.dump();
        let missing = fixture()
            .into_iter()
            .find(|(key, _)| !site.pristine.contains_key(key));
        assert_eq!(missing, None, "{site:?}");
        assert!(site.pristine.contains_key(VICTIM_NODE), "{site:?}");
        site
    }

    fn address(&self) -> SocketAddr {
        match &self.server {
            SiteServer::Kubekv(gateway) => gateway.address(),
            SiteServer::Etcd(etcd) => etcd.address(),
            SiteServer::Consul(consul) => consul.address(),
            SiteServer::ZooKeeper(zookeeper) => zookeeper.address,
        }
    }

    /// Whether clients show certificates.
    pub(crate) fn has_tls(&self) -> bool {
        match self.deployment {
            Deployment::Real | Deployment::RealSecrets => false,
            Deployment::RealSecured => true,
            Deployment::Kubekv(mode) => mode.has_tls(),
        }
    }

    /// Whether clients show tokens or passwords.
    fn has_secrets(&self) -> bool {
        match self.deployment {
            Deployment::Real => false,
            Deployment::RealSecrets => true,
            // etcd knows clients by their certificates.
            Deployment::RealSecured => self.protocol == StoreProtocol::Consul,
            Deployment::Kubekv(mode) => mode.has_secrets(),
        }
    }

    /// Whether anything tells clients from each other.
    pub(crate) fn knows_clients(&self) -> bool {
        self.has_tls() || self.has_secrets()
    }

    /// Takes back the secret of the host that was broken into.
    pub(crate) fn revoke(&self) {
        let [stolen, left @ ..] = GIVEN;
        match &self.server {
            SiteServer::Kubekv(_) => self.credentials.give(&left),
            SiteServer::Etcd(etcd) => etcd.revoke(stolen),
            SiteServer::Consul(consul) => consul.revoke(self.credentials, stolen),
            SiteServer::ZooKeeper(_) => panic!("it knows no secrets"),
        }
        until("it is refused", || {
            let thief = self.client(Shown::Stolen, &self.elsewhere());
            let _read = thief.read(VICTIM_NODE);
            thief.refusal().is_some()
        });
    }

    fn client(&self, shown: Shown, from: &str) -> Hands {
        let mut client = StoreClient::plain(self.address());
        if self.has_tls() {
            client.tls = Some(self.credentials.tls(shown));
        }
        let is_loopback = from.starts_with("127.");
        if self.place == Place::Addresses || is_loopback {
            client.from = Some(from.parse::<IpAddr>().unwrap());
        }
        if self.has_secrets() {
            let secret = ClientSecret::of(shown);
            let headers = secret.map(|secret| secret.headers(self.protocol));
            client.headers = headers.unwrap_or_default();
        }
        Hands::new(self.protocol, client)
    }

    fn operator(&self) -> Hands {
        self.client(Shown::Operator, &STORE.to_string())
    }

    fn victim(&self) -> Hands {
        self.client(Shown::Victim, VICTIM)
    }

    pub(crate) fn scene(&self, attacker: Attacker) -> Scene {
        let (shown, from) = match attacker {
            Attacker::Container(container) => {
                return Scene {
                    attacker: Hands::new(self.protocol, self.contained(container)),
                    victim: self.victim(),
                    operator: self.operator(),
                };
            }
            Attacker::Anybody => (Shown::Nothing, ATTACKER.to_owned()),
            Attacker::Forger => (Shown::Forged, self.elsewhere()),
            Attacker::Host => (Shown::Stolen, ATTACKER.to_owned()),
            Attacker::SecretThief => (Shown::Secret, self.elsewhere()),
            Attacker::SecretElsewhere => (Shown::SecretElsewhere, THIRD.to_owned()),
        };
        Scene {
            attacker: self.client(shown, &from),
            victim: self.victim(),
            operator: self.operator(),
        }
    }

    /// A client in a container, which has nothing to show.
    pub(crate) fn contained(&self, container: Container) -> StoreClient {
        let mut client = StoreClient::plain(self.address());
        if self.has_tls() {
            client.tls = Some(self.credentials.tls(Shown::Nothing));
        }
        client.namespace = Some(match container {
            Container::Near => "near",
            Container::Far => "far",
        });
        // What listens on loopback only is looked for where the container reaches the machine.
        if self.place == Place::Loopback {
            client.to.set_ip(match container {
                Container::Near => BRIDGE.into(),
                Container::Far => STORE.into(),
            });
        }
        client
    }

    /// An address that nobody has come from.
    fn elsewhere(&self) -> String {
        let number = self.strangers.get() + 1;
        self.strangers.set(number);
        let [high, low] = number.to_be_bytes();
        match self.place {
            Place::Loopback => format!("127.77.{high}.{low}"),
            Place::Addresses => format!("10.98.{high}.{low}"),
        }
    }

    /// All that is there.
    pub(crate) fn dump(&self) -> BTreeMap<String, (String, bool)> {
        let all = self.operator().list("").into_iter();
        all.map(|(key, entry)| (key, (entry.value, !entry.session.is_empty())))
            .collect()
    }

    /// Whether all is as before the attacks.
    pub(crate) fn is_pristine(&self) -> bool {
        self.dump() == self.pristine
    }

    /// Makes it what it was before the attacks.
    pub(crate) fn restore(&mut self) {
        if self.is_pristine() {
            return;
        }
        let starts_anew = match &mut self.server {
            SiteServer::Kubekv(gateway) => gateway.start_anew(self.credentials),
            SiteServer::Etcd(_) | SiteServer::Consul(_) | SiteServer::ZooKeeper(_) => false,
        };
        if !starts_anew {
            let operator = self.operator();
            let there = self.dump();
            for (key, state) in &there {
                if self.pristine.get(key) != Some(state) {
                    assert!(operator.delete(key), "{key}: {operator:?}");
                }
            }
            if self.protocol == StoreProtocol::ZooKeeper {
                // A node that is closed to all can still be deleted.
                let hidden = self.pristine.keys().filter(|key| !there.contains_key(*key));
                for key in hidden {
                    operator.delete(key);
                }
            }
        }
        self.populate();
        assert_eq!(self.dump(), self.pristine, "{:?}", self.deployment);
    }

    /// Writes what is not there yet; and lets the victim and the operator keep alive what is theirs.
    fn populate(&self) {
        let operator = self.operator();
        let there = self.dump();
        for (key, value) in fixture() {
            if !there.contains_key(&key) {
                assert!(operator.put(&key, &value), "{key}: {operator:?}");
            }
        }
        let victim = self.victim();
        let node = VICTIM_NODE.trim_start_matches("docker/nodes/");
        if !there.contains_key(LEADER) {
            let held = hold(&operator, LEADER, "ops", "release");
            assert!(held, "{:?}: {operator:?}", self.deployment);
        }
        if !there.contains_key(VICTIM_NODE) {
            let held = hold(&victim, VICTIM_NODE, node, "delete");
            assert!(held, "{:?}: {victim:?}", self.deployment);
        }
    }
}

/// Writes an entry and keeps it alive: by a session of this behavior, or by a TTL.
fn hold(hands: &Hands, key: &str, value: &str, behavior: &str) -> bool {
    match hands.protocol {
        StoreProtocol::Consul => hands.acquire(key, value, &hands.session(behavior)),
        StoreProtocol::Etcd => hands.put_for(key, value, TTL),
        // A node of a session would end with the session that is asked by here.
        StoreProtocol::ZooKeeper => hands.put(key, value),
    }
}

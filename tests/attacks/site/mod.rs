//! `Site`: a store with the attacked fleet's records, as it is deployed, and the clients of an attack on it.

mod kubekv;
mod real_consul;
mod real_etcd;
mod real_server;

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
use crate::records::{ATTACKER, LEADER, VICTIM, VICTIM_NODE, fixture};
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
    Kubekv(KubekvMode),
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
    /// A Docker host that was broken into, or a thief of its credential.
    Host,
}

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
        let secured = deployment == Deployment::RealSecured;
        let server = match (deployment, protocol) {
            (Deployment::Kubekv(mode), _) => {
                SiteServer::Kubekv(Gateway::start(credentials, mode, protocol, at))
            }
            (Deployment::Real | Deployment::RealSecured, StoreProtocol::Etcd) => {
                SiteServer::Etcd(RealEtcd::start(credentials, secured, at))
            }
            (Deployment::Real | Deployment::RealSecured, StoreProtocol::Consul) => {
                SiteServer::Consul(RealConsul::start(credentials, secured, at))
            }
            (Deployment::Real | Deployment::RealSecured, StoreProtocol::ZooKeeper) => {
                SiteServer::ZooKeeper(ZooKeeper::start())
            }
        };
        let mut site = Self {
            credentials,
            deployment,
            protocol,
            place,
            server,
            pristine: BTreeMap::new(),
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
            Deployment::Real => false,
            Deployment::RealSecured => true,
            Deployment::Kubekv(mode) => mode.has_tls(),
        }
    }

    fn client(&self, shown: Shown, from: &str) -> Hands {
        let mut client = StoreClient::plain(self.address());
        if self.has_tls() {
            client.tls = Some(self.credentials.tls(shown));
        }
        if self.place == Place::Addresses {
            client.from = Some(from.parse::<IpAddr>().unwrap());
        }
        client.headers = match &self.server {
            SiteServer::Consul(consul) => consul.token_of(shown),
            SiteServer::Etcd(_) | SiteServer::ZooKeeper(_) | SiteServer::Kubekv(_) => Vec::new(),
        };
        Hands::new(self.protocol, client)
    }

    fn operator(&self) -> Hands {
        self.client(Shown::Operator, &STORE.to_string())
    }

    fn victim(&self) -> Hands {
        self.client(Shown::Victim, VICTIM)
    }

    pub(crate) fn scene(&self, attacker: Attacker) -> Scene {
        let shown = match attacker {
            Attacker::Anybody => Shown::Nothing,
            Attacker::Forger => Shown::Forged,
            Attacker::Host => Shown::Stolen,
        };
        Scene {
            attacker: self.client(shown, ATTACKER),
            victim: self.victim(),
            operator: self.operator(),
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

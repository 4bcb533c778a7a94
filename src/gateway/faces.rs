//! Table of faces: one row a face, with everything the gateway needs to listen for it, serve it and relay it.
//!
//! A new face is a [`FaceName`], its folder in `face`, a row here, and in `config` an option with a field of [`Listen`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, ConnectionsPerAddress, Listen, TlsConfig, TlsOptions};
use crate::face::http::{AllowedHosts, HttpLimits, HttpProtocol};
use crate::face::server::{Protocol, Stopping};
use crate::face::{consul, etcd, zookeeper};
use crate::fairness::Fairness;
use crate::model::FaceName;
use crate::space::Keyspace;

/// A face, as the gateway serves it.
#[derive(Debug)]
pub(super) struct FaceRow {
    pub(super) name: FaceName,
    /// Where it listens, in the configuration and among the bound ports.
    pub(super) address: fn(&mut Listen) -> &mut Option<SocketAddr>,
    /// Its TLS in the configuration.
    pub(super) tls: fn(&TlsConfig) -> Option<&TlsOptions>,
    /// The protocols that its clients may ask for in the TLS handshake (ALPN), in the order of preference.
    pub(super) protocols: &'static [&'static [u8]],
    /// How many connections one client's address may have open.
    pub(super) most_per_client: fn(&ConnectionsPerAddress) -> Option<usize>,
    /// The name of a relayed connection's face in the TLS handshake (ALPN, RFC 7301).
    pub(super) alpn: &'static [u8],
    /// How long the real server holds a request while there is no leader. A standby answers then: later, the client's own
    /// timeout would run out in silence.
    pub(super) hold: Duration,
    /// Serves clients from the keyspace.
    pub(super) protocol: fn(&FaceOptions, Keyspace, Stopping) -> Arc<dyn Protocol>,
    /// Answers one request as the real server does without a leader, and closes the connection.
    pub(super) no_leader: fn(&FaceOptions) -> Arc<dyn Protocol>,
}

/// What clients of HTTP may ask for in the TLS handshake.
pub(super) const HTTP_PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

static CONSUL: FaceRow = FaceRow {
    name: FaceName::Consul,
    address: |listen| &mut listen.consul,
    tls: |tls| tls.consul.as_ref(),
    protocols: HTTP_PROTOCOLS,
    most_per_client: |limits| limits.consul,
    alpn: b"kubekv/consul",
    hold: consul::HOLD,
    protocol: |options, space, stopping| {
        let router = consul::router(consul::Consul {
            space,
            stopping,
            node: options.node_name.clone(),
            datacenter: options.datacenter.clone(),
            fairness: options.fairness.clone(),
        });
        let http = HttpProtocol::new(router, HttpLimits::default());
        let http = http.bounding_bodies(&options.fairness, consul::body_refused);
        let http = http.answering_too_many_connections(consul::TOO_MANY_CONNECTIONS);
        Arc::new(http.allowing_hosts(&options.hosts))
    },
    no_leader: |options| {
        let http = HttpProtocol::new(consul::no_leader(), HttpLimits::default());
        let http = http.answering_too_many_connections(consul::TOO_MANY_CONNECTIONS);
        Arc::new(http.allowing_hosts(&options.hosts))
    },
};

static ETCD2: FaceRow = FaceRow {
    name: FaceName::Etcd2,
    address: |listen| &mut listen.etcd,
    tls: |tls| tls.etcd.as_ref(),
    // Clients of gRPC offer nothing else, and get as an error that this is not etcd v3.
    protocols: &[b"http/1.1", b"h2"],
    most_per_client: |limits| limits.etcd,
    alpn: b"kubekv/etcd2",
    hold: etcd::HOLD,
    protocol: |options, space, stopping| {
        let router = etcd::router(etcd::Etcd {
            space,
            stopping,
            advertise: options.etcd_advertise.clone(),
            fairness: options.fairness.clone(),
        });
        let http = HttpProtocol::new(router, HttpLimits::default());
        let http = http.bounding_bodies(&options.fairness, etcd::body_refused);
        let http = http.allowing_hosts(&options.hosts);
        Arc::new(http.refusing_grpc(etcd::NO_GRPC))
    },
    no_leader: |options| {
        let router = etcd::no_leader(options.etcd_advertise.clone());
        let http = HttpProtocol::new(router, HttpLimits::default());
        Arc::new(http.allowing_hosts(&options.hosts))
    },
};

static ZOOKEEPER: FaceRow = FaceRow {
    name: FaceName::ZooKeeper,
    address: |listen| &mut listen.zookeeper,
    tls: |tls| tls.zookeeper.as_ref(),
    protocols: &[],
    most_per_client: |limits| limits.zookeeper,
    alpn: b"kubekv/zookeeper",
    hold: zookeeper::HOLD,
    protocol: |options, space, stopping| {
        let zookeeper = zookeeper::ZooKeeper {
            space,
            fairness: options.fairness.clone(),
            super_digest: options.zookeeper_super.clone(),
            words: options.zookeeper_words.clone(),
            docker: options.zookeeper_docker,
        };
        Arc::new(zookeeper::ZooKeeperProtocol::new(zookeeper, stopping))
    },
    no_leader: |options| {
        Arc::new(zookeeper::NoLeaderProtocol {
            words: options.zookeeper_words.clone(),
        })
    },
};

/// The row of a face.
pub(super) fn row(name: FaceName) -> &'static FaceRow {
    match name {
        FaceName::Consul => &CONSUL,
        FaceName::Etcd2 => &ETCD2,
        FaceName::ZooKeeper => &ZOOKEEPER,
    }
}

/// The rows of all faces.
pub(super) fn all() -> impl Iterator<Item = &'static FaceRow> {
    FaceName::ALL.into_iter().map(row)
}

/// The names of all faces and where each listens.
pub(super) fn addresses(mut ports: Listen) -> Vec<(&'static str, Option<SocketAddr>)> {
    all()
        .map(|face| (face.name.as_str(), *(face.address)(&mut ports)))
        .collect()
}

/// The options of faces.
#[derive(Clone, Debug)]
pub(super) struct FaceOptions {
    etcd_advertise: Vec<String>,
    node_name: String,
    datacenter: String,
    hosts: AllowedHosts,
    zookeeper_words: zookeeper::AllowList,
    zookeeper_docker: zookeeper::DockerAnswers,
    zookeeper_super: Option<String>,
    /// Shared by all faces, and by every term of leadership.
    fairness: Fairness,
}

/// The host names by which clients may address a gateway: those of `--host`, and those it advertises.
pub(super) fn hosts(config: &Config) -> AllowedHosts {
    AllowedHosts::new(own_names(config))
}

/// The same as a list, with names `*.DOMAIN` as they are.
pub(super) fn own_names(config: &Config) -> Vec<String> {
    let authority = |url: &String| Some(url.parse::<http::Uri>().ok()?.host()?.to_owned());
    let advertised = config.etcd_advertise.iter().filter_map(authority);
    let relay = config.relay_advertise.iter().filter_map(authority);
    let hosts = config.hosts.iter().cloned();
    hosts.chain(advertised).chain(relay).collect()
}

impl FaceOptions {
    /// Takes them from a configuration, which is taken apart so that no option can be forgotten.
    pub(super) fn of(config: &Config, fairness: &Fairness) -> Self {
        let hosts = hosts(config);
        let Config {
            store: _opened,
            store_access: _of_the_store,
            listen: _bound,
            tls: _of_the_servers,
            policy: _of_the_guard,
            guard: _the_docker_guard,
            etcd_advertise,
            node_name,
            datacenter,
            hosts: _among_these,
            max_connections: _of_all_servers,
            connections_per_address: _of_each_server,
            connections_per_identity: _of_all_servers_too,
            memory_limit: _of_fairness,
            lead_duration: _of_leadership,
            relay_advertise: _of_the_relay,
            zookeeper_words,
            zookeeper_docker,
            zookeeper_super,
            audit: _of_the_gateway,
            renew_under: _of_the_keyspace,
            log: _of_the_process,
        } = config.clone();
        Self {
            etcd_advertise,
            node_name,
            datacenter,
            hosts,
            // The configuration has only what is known.
            zookeeper_docker: zookeeper_docker.parse().unwrap_or_default(),
            zookeeper_words: zookeeper_words.parse().unwrap_or_default(),
            zookeeper_super,
            fairness: fairness.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::config::{self, OPTIONS, SettingOrigin, Settings};

    #[test]
    fn every_face_has_one_row_with_names_of_its_own() {
        let names: Vec<_> = all().map(|face| face.name).collect();
        assert_eq!(names, FaceName::ALL);
        let labels: HashSet<_> = FaceName::ALL.iter().map(|name| name.as_str()).collect();
        let alpns: HashSet<_> = all().map(|face| face.alpn).collect();
        assert_eq!((labels.len(), alpns.len()), (names.len(), names.len()));
    }

    #[test]
    fn option_named_after_a_face_is_its_address() {
        for (port, face) in all().enumerate() {
            let name = face.name.as_str();
            let option = OPTIONS.iter().find(|option| option.name == name);
            let option = option.unwrap_or_else(|| panic!("--{name} is no option"));
            let address: SocketAddr = format!("127.0.0.1:{}", port + 1).parse().unwrap();
            let mut settings = Settings::default();
            settings.set(
                option.name,
                address.to_string(),
                SettingOrigin::Flag(option.name),
            );
            let mut config = config::load(settings, []).unwrap();
            assert_eq!(*(face.address)(&mut config.listen), Some(address), "{name}");
            // Every other face keeps its default.
            let listening = addresses(config.listen);
            assert_eq!(
                listening
                    .iter()
                    .filter(|(_, at)| *at == Some(address))
                    .count(),
                1
            );
        }
    }
}

//! `Config`: the configuration of a gateway, parsed and valid.

use std::net::SocketAddr;
use std::time::Duration;

use super::{AuditOptions, GuardConfig, LogConfig, PolicyConfig, StoreAccess, StoreUrl, TlsConfig};

/// The configuration of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The store that holds the entries.
    pub store: StoreUrl,
    /// The credentials for the store.
    pub store_access: StoreAccess,
    /// The addresses to listen on.
    pub listen: Listen,
    /// The TLS of the faces and the admin port.
    pub tls: TlsConfig,
    /// The policy by which clients are admitted; `None` lets all of them see and change everything.
    pub policy: Option<PolicyConfig>,
    /// What the Docker guard does; `None` where it is off.
    pub guard: Option<GuardConfig>,
    /// The address where other gateways reach the relay port, `HOST:PORT`; `None` for the address it listens on.
    pub relay_advertise: Option<String>,
    /// The client URLs that etcd's `/v2/members` returns, as `http://host:port`; empty for the address that the client
    /// connected to.
    pub etcd_advertise: Vec<String>,
    /// The name of the one node in Consul's catalog and sessions.
    pub node_name: String,
    /// The name of the one datacenter in Consul's answers.
    pub datacenter: String,
    /// Host names by which clients may address the gateway, besides those that no public name can be; `*.DOMAIN` for all in a
    /// domain.
    pub hosts: Vec<String>,
    /// The limit of open connections, over all faces.
    pub max_connections: usize,
    /// The limits of open connections of one client's address.
    pub connections_per_address: ConnectionsPerAddress,
    /// The limit of open connections of one identity, over all faces; `None` for no limit.
    pub connections_per_identity: Option<usize>,
    /// The memory that the gateway may use, in bytes; `None` to find out what the process may use.
    pub memory_limit: Option<u64>,
    /// How long leadership of a shared store lasts without a heartbeat.
    pub lead_duration: Duration,
    /// The directories beneath which an equal write is a renewal.
    pub renew_under: Vec<String>,
    /// The four-letter words of ZooKeeper that are answered, besides `srvr`.
    pub zookeeper_words: String,
    /// Which ZooKeeper connections get the answers that dockerd needs: `auto`, `on` or `off`.
    pub zookeeper_docker: String,
    /// The digest of the ZooKeeper user who may do everything, `super:HASH`.
    pub zookeeper_super: Option<String>,
    /// The audit log; `None` for none.
    pub audit: Option<AuditOptions>,
    /// The log settings.
    pub log: LogConfig,
}

/// How many connections one client's address may have open over each face; `None` for no limit but its part of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsPerAddress {
    /// Over Consul's HTTP API.
    pub consul: Option<usize>,
    /// Over etcd's API.
    pub etcd: Option<usize>,
    /// Over ZooKeeper's protocol.
    pub zookeeper: Option<usize>,
}

/// The listen addresses of the faces, the admin port and the relay; `None` is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// Consul's HTTP API.
    pub consul: Option<SocketAddr>,
    /// etcd's API, version 2.
    pub etcd: Option<SocketAddr>,
    /// ZooKeeper's protocol.
    pub zookeeper: Option<SocketAddr>,
    /// Health, metrics and version.
    pub admin: Option<SocketAddr>,
    /// The relay: connections that other gateways of a shared store forward.
    pub relay: Option<SocketAddr>,
}

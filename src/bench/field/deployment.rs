//! Deployments: a system of the field, reached by one protocol.

use serde::{Deserialize, Serialize};

use super::layer::SecurityLayer;
use super::program::FieldProgram;
use crate::bench::target::TargetProtocol;

/// A server, or kubekv with the store behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// kubekv on its embedded store.
    KubekvEmbedded,
    /// kubekv on keys of an etcd v3 of its own.
    KubekvOnEtcd,
    /// kubekv on custom resources of a Kubernetes API server, with an etcd of its own.
    KubekvOnKubernetes,
    /// Consul, one server.
    Consul,
    /// etcd with version 2 of the API, one member.
    Etcd2,
    /// ZooKeeper, one server.
    ZooKeeper,
    /// etcd asked by version 3 of its API, one member.
    Etcd3,
    /// A Kubernetes API server asked directly, with an etcd of its own.
    ApiServer,
}

impl System {
    /// The name in ids of cells.
    pub fn key(self) -> &'static str {
        match self {
            Self::KubekvEmbedded => "kubekv",
            Self::KubekvOnEtcd => "kubekv-on-etcd",
            Self::KubekvOnKubernetes => "kubekv-on-kubernetes",
            Self::Consul => "consul",
            Self::Etcd2 => "etcd2",
            Self::ZooKeeper => "zookeeper",
            Self::Etcd3 => "etcd3",
            Self::ApiServer => "kube-apiserver",
        }
    }

    /// The name for readers.
    pub fn name(self) -> &'static str {
        match self {
            Self::KubekvEmbedded => "kubekv",
            Self::KubekvOnEtcd => "kubekv on etcd v3",
            Self::KubekvOnKubernetes => "kubekv on Kubernetes",
            Self::Consul => "Consul",
            Self::Etcd2 => "etcd v2",
            Self::ZooKeeper => "ZooKeeper",
            Self::Etcd3 => "etcd v3",
            Self::ApiServer => "kube-apiserver",
        }
    }

    /// Whether an etcd v3 counts what it is asked.
    pub fn has_counts(self) -> bool {
        match self {
            Self::KubekvOnEtcd | Self::KubekvOnKubernetes | Self::Etcd3 | Self::ApiServer => true,
            Self::KubekvEmbedded | Self::Consul | Self::Etcd2 | Self::ZooKeeper => false,
        }
    }

    /// Whether an API server is a part of it.
    pub fn has_api_server(self) -> bool {
        match self {
            Self::KubekvOnKubernetes | Self::ApiServer => true,
            Self::KubekvEmbedded
            | Self::KubekvOnEtcd
            | Self::Consul
            | Self::Etcd2
            | Self::ZooKeeper
            | Self::Etcd3 => false,
        }
    }

    /// Whether a second gateway can take over.
    pub fn has_standby(self) -> bool {
        match self {
            Self::KubekvOnEtcd | Self::KubekvOnKubernetes => true,
            Self::KubekvEmbedded
            | Self::Consul
            | Self::Etcd2
            | Self::ZooKeeper
            | Self::Etcd3
            | Self::ApiServer => false,
        }
    }

    /// Whether it is kubekv.
    pub fn is_kubekv(self) -> bool {
        match self {
            Self::KubekvEmbedded | Self::KubekvOnEtcd | Self::KubekvOnKubernetes => true,
            Self::Consul | Self::Etcd2 | Self::ZooKeeper | Self::Etcd3 | Self::ApiServer => false,
        }
    }

    /// The programs that it needs.
    pub fn programs(self) -> &'static [FieldProgram] {
        match self {
            Self::KubekvEmbedded => &[FieldProgram::Kubekv],
            Self::KubekvOnEtcd => &[FieldProgram::Kubekv, FieldProgram::Etcd3],
            Self::KubekvOnKubernetes | Self::ApiServer => &[
                FieldProgram::Kubekv,
                FieldProgram::Etcd3,
                FieldProgram::ApiServer,
                FieldProgram::Kubectl,
            ],
            Self::Consul => &[FieldProgram::Consul],
            Self::Etcd2 => &[FieldProgram::Etcd2],
            Self::ZooKeeper => &[FieldProgram::ZooKeeper],
            Self::Etcd3 => &[FieldProgram::Etcd3],
        }
    }

    /// The real server of a protocol.
    pub fn real(protocol: TargetProtocol) -> Self {
        match protocol {
            TargetProtocol::Consul => Self::Consul,
            TargetProtocol::Etcd2 => Self::Etcd2,
            TargetProtocol::ZooKeeper => Self::ZooKeeper,
            TargetProtocol::Etcd3 => Self::Etcd3,
            TargetProtocol::Kubernetes => Self::ApiServer,
        }
    }
}

/// A system reached by one protocol. Each is started by itself, so that the memory of a process is that of one protocol's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deployment {
    /// The system.
    pub system: System,
    /// The protocol.
    pub protocol: TargetProtocol,
    /// What it has of security.
    #[serde(default, skip_serializing_if = "SecurityLayer::is_plaintext")]
    pub security: SecurityLayer,
}

impl Deployment {
    fn plaintext(system: System, protocol: TargetProtocol) -> Self {
        Self {
            system,
            protocol,
            security: SecurityLayer::Plaintext,
        }
    }

    /// The same with a layer of security.
    #[must_use]
    pub fn with(self, security: SecurityLayer) -> Self {
        Self { security, ..self }
    }

    /// The real server of a protocol.
    pub fn real(protocol: TargetProtocol) -> Self {
        Self::plaintext(System::real(protocol), protocol)
    }

    /// kubekv on its embedded store.
    pub fn embedded(protocol: TargetProtocol) -> Self {
        Self::plaintext(System::KubekvEmbedded, protocol)
    }

    /// kubekv on an etcd v3.
    pub fn on_etcd(protocol: TargetProtocol) -> Self {
        Self::plaintext(System::KubekvOnEtcd, protocol)
    }

    /// kubekv on a Kubernetes API server.
    pub fn on_kubernetes(protocol: TargetProtocol) -> Self {
        Self::plaintext(System::KubekvOnKubernetes, protocol)
    }

    /// The name in ids of cells.
    pub fn key(self) -> String {
        let key = format!("{}/{}", self.system.key(), self.protocol.scheme());
        if self.security.is_plaintext() {
            return key;
        }
        format!("{key}+{}", self.security.key())
    }

    /// The name for readers.
    pub fn name(self) -> String {
        let api = match self.protocol {
            _ if !self.system.is_kubekv() => "",
            TargetProtocol::Consul => ", Consul's API",
            TargetProtocol::Etcd2 => ", etcd v2's API",
            TargetProtocol::Etcd3 => ", etcd v3's API",
            TargetProtocol::ZooKeeper => ", ZooKeeper's protocol",
            TargetProtocol::Kubernetes => ", Kubernetes' API",
        };
        let layer = if self.security.is_plaintext() {
            String::new()
        } else {
            format!(", {}", self.security.name())
        };
        format!("{}{api}{layer}", self.system.name())
    }

    /// Whom it is compared with: kubekv with the real server of the protocol, and kubekv on another store with etcd asked
    /// directly, which is also what the API server keeps its objects in; on Kubernetes with the API server as well. With an audit log,
    /// the last layer, it is compared with the real server and all that this has.
    pub fn rivals(self) -> Vec<Self> {
        let real = Self::real(self.protocol);
        if !self.security.is_plaintext() {
            let has_all = self.security == SecurityLayer::Audit && self.system.is_kubekv();
            return has_all
                .then(|| real.with(SecurityLayer::AccessLists))
                .into_iter()
                .collect();
        }
        let etcd3 = Self::real(TargetProtocol::Etcd3);
        match self.system {
            System::KubekvEmbedded => vec![real],
            System::KubekvOnEtcd => vec![real, etcd3],
            System::KubekvOnKubernetes => {
                vec![real, etcd3, Self::real(TargetProtocol::Kubernetes)]
            }
            System::Consul
            | System::Etcd2
            | System::ZooKeeper
            | System::Etcd3
            | System::ApiServer => Vec::new(),
        }
    }
}

//! The looks of deployments in plots: a hue for each protocol, filled for kubekv and hollow for the servers it is compared with.

use crate::bench::field::{Deployment, System};

/// The classes of a mark, as the style sheet has them.
pub(super) fn class(deployment: Deployment) -> String {
    let hue = deployment.protocol.scheme();
    let kind = if deployment.system.is_kubekv() {
        "ours"
    } else {
        "real"
    };
    format!("{hue} {kind}")
}

/// The shape of a point: that of kubekv on another store is another one, so that prints without colours tell them apart.
pub(super) fn is_square(deployment: Deployment) -> bool {
    match deployment.system {
        System::KubekvOnEtcd | System::KubekvOnKubernetes => true,
        System::KubekvEmbedded
        | System::ApiServer
        | System::Consul
        | System::Etcd2
        | System::ZooKeeper
        | System::Etcd3 => false,
    }
}

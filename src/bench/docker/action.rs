//! Action of a user on a Docker host.

use super::libnetwork::Daemon;
use super::observer::{DockerStep, StepFailure};
use crate::docker::Cidr;

/// A command of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostAction {
    /// `docker network create -d overlay`.
    NetworkCreate {
        /// The network's name.
        name: String,
        /// Its subnet; one of the default pools if there is none.
        subnet: Option<Cidr>,
    },
    /// `docker network ls`.
    NetworkList,
    /// `docker network inspect`.
    NetworkInspect,
    /// `docker network rm`.
    NetworkRemove {
        /// The network's name.
        name: String,
    },
    /// `docker run`.
    ContainerStart {
        /// The container's name.
        container: String,
        /// The network's name.
        network: String,
    },
    /// `docker stop`.
    ContainerStop {
        /// The container's name.
        container: String,
    },
}

impl HostAction {
    /// The step that it is reported as.
    pub fn step(&self) -> DockerStep {
        match self {
            Self::NetworkCreate { .. } => DockerStep::NetworkCreate,
            Self::NetworkList => DockerStep::NetworkList,
            Self::NetworkInspect => DockerStep::NetworkInspect,
            Self::NetworkRemove { .. } => DockerStep::NetworkRemove,
            Self::ContainerStart { .. } => DockerStep::ContainerStart,
            Self::ContainerStop { .. } => DockerStep::ContainerStop,
        }
    }

    /// Performs it.
    pub(super) async fn perform(&self, daemon: &mut Daemon) -> Result<(), StepFailure> {
        match self {
            Self::NetworkCreate { name, subnet } => {
                daemon.create_network(name, *subnet).await.map(|_id| ())
            }
            Self::NetworkList => daemon.list_networks().await.map(|_count| ()),
            Self::NetworkInspect => daemon.inspect_networks().await,
            Self::NetworkRemove { name } => daemon.remove_network(name).await,
            Self::ContainerStart { container, network } => daemon
                .start_container(container, network)
                .await
                .map(|_address| ()),
            Self::ContainerStop { container } => daemon.stop_container(container).await,
        }
    }
}

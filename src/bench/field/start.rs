//! The start of a deployment, by its system.

use super::deployment::{Deployment, System};
use super::error::FieldError;
use super::program::FieldProgram;
use super::running::{FieldPlace, RunningDeployment};
use super::{consul, etcd, kubekv, zookeeper};

/// Starts a deployment and waits until it answers.
pub fn start(
    place: &mut FieldPlace<'_>,
    deployment: Deployment,
) -> Result<RunningDeployment, FieldError> {
    let protocol = deployment.protocol;
    match deployment.system {
        System::KubekvEmbedded => kubekv::embedded(place, protocol),
        System::KubekvOnEtcd => kubekv::on_etcd(place, protocol),
        System::KubekvOnKubernetes => kubekv::on_kubernetes(place, protocol),
        System::Consul => consul::start(place),
        System::Etcd2 => etcd::start(place, FieldProgram::Etcd2, protocol),
        System::ZooKeeper => zookeeper::start(place),
        System::Etcd3 => etcd::start(place, FieldProgram::Etcd3, protocol),
    }
}

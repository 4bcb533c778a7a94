//! The start of a deployment, by its system.

use super::deployment::{Deployment, System};
use super::error::FieldError;
use super::layer::SecurityLayer;
use super::program::FieldProgram;
use super::running::{FieldPlace, RunningDeployment};
use super::{consul, etcd, kubekv, kubernetes, zookeeper};

/// Starts a deployment and waits until it answers.
pub fn start(
    place: &mut FieldPlace<'_>,
    deployment: Deployment,
) -> Result<RunningDeployment, FieldError> {
    let protocol = deployment.protocol;
    let is_secured = deployment.security == SecurityLayer::AccessLists;
    match deployment.system {
        System::KubekvEmbedded => kubekv::embedded(place, protocol, deployment.security),
        System::KubekvOnEtcd => kubekv::on_etcd(place, protocol),
        System::KubekvOnKubernetes => kubekv::on_kubernetes(place, protocol),
        System::Consul => consul::start(place, is_secured),
        System::Etcd2 if is_secured => etcd::secured(place),
        System::Etcd2 => etcd::start(place, FieldProgram::Etcd2, protocol),
        System::ZooKeeper => zookeeper::start(place),
        System::Etcd3 => etcd::start(place, FieldProgram::Etcd3, protocol),
        System::ApiServer => kubernetes::direct(place),
    }
}

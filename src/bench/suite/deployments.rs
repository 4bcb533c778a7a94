//! The deployments that groups measure.

use super::level::ReportLevel;
use crate::bench::field::{Deployment, System};
use crate::bench::target::TargetProtocol;

/// The protocols that dockerd speaks.
pub(super) const DOCKER_PROTOCOLS: [TargetProtocol; 3] = [
    TargetProtocol::Consul,
    TargetProtocol::Etcd2,
    TargetProtocol::ZooKeeper,
];

/// Each protocol that dockerd speaks, on kubekv and on its real server.
pub(super) fn docker() -> Vec<Deployment> {
    let of = |protocol| [Deployment::embedded(protocol), Deployment::real(protocol)];
    DOCKER_PROTOCOLS.into_iter().flat_map(of).collect()
}

/// kubekv on a shared store: by one protocol, or by all of them.
pub(super) fn of_each_face(
    on: impl Fn(TargetProtocol) -> Deployment,
    all_faces: bool,
) -> impl Iterator<Item = Deployment> {
    let faces = DOCKER_PROTOCOLS.into_iter();
    let faces = faces.filter(move |face| all_faces || *face == TargetProtocol::Etcd2);
    faces.map(on)
}

/// Those of Docker hosts, and kubekv on the shared stores where there is the time for it: at one size by all protocols.
pub(super) fn fleet(level: ReportLevel, all_faces: bool) -> Vec<Deployment> {
    let all_faces = all_faces && level == ReportLevel::Full;
    let mut all = docker();
    if level == ReportLevel::Full {
        all.extend(of_each_face(Deployment::on_etcd, all_faces));
    }
    if level != ReportLevel::Quick {
        all.extend(of_each_face(Deployment::on_kubernetes, all_faces));
    }
    all
}

/// All stores by one protocol, and the real servers.
pub(super) fn one_of_each() -> Vec<Deployment> {
    let mut all = stores();
    all.retain(|one| one.system != System::KubekvEmbedded || one.protocol == TargetProtocol::Etcd2);
    all
}

/// All stores, and etcd asked directly.
pub(super) fn stores() -> Vec<Deployment> {
    let mut all = docker();
    all.push(Deployment::on_etcd(TargetProtocol::Etcd2));
    all.push(Deployment::on_kubernetes(TargetProtocol::Etcd2));
    all.push(Deployment::real(TargetProtocol::Etcd3));
    all
}

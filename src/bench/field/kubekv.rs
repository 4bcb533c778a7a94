//! kubekv as a server of the field.

use std::path::Path;

use super::credentials::{self, LayerOptions};
use super::error::FieldError;
use super::etcd;
use super::kubernetes;
use super::layer::SecurityLayer;
use super::program::FieldProgram;
use super::running::{FieldPlace, RunningDeployment};
use crate::bench::target::TargetProtocol;

/// Starts kubekv on its embedded store.
pub(super) fn embedded(
    place: &mut FieldPlace<'_>,
    protocol: TargetProtocol,
    security: SecurityLayer,
) -> Result<RunningDeployment, FieldError> {
    let store = format!("embedded:{}", place.directory.join("store").display());
    let layer = credentials::layer(place, security)?;
    serve(place, protocol, &store, None, layer)
}

/// Starts an etcd, and kubekv on its keys.
pub(super) fn on_etcd(
    place: &mut FieldPlace<'_>,
    protocol: TargetProtocol,
) -> Result<RunningDeployment, FieldError> {
    let store = etcd::start(place, FieldProgram::Etcd3, TargetProtocol::Etcd3)?;
    let url = store.target.replacen("etcd3://", "etcd://", 1);
    let mut running = serve(
        place,
        protocol,
        &format!("{url}/kubekv"),
        None,
        LayerOptions::default(),
    )?;
    running.stands_on(store);
    Ok(running)
}

/// Starts an etcd and an API server, and kubekv on custom resources in a namespace.
pub(super) fn on_kubernetes(
    place: &mut FieldPlace<'_>,
    protocol: TargetProtocol,
) -> Result<RunningDeployment, FieldError> {
    let cluster = kubernetes::start(place)?;
    let store = format!("kubernetes:{}", kubernetes::NAMESPACE);
    let kubeconfig = cluster.kubeconfig;
    let mut running = serve(
        place,
        protocol,
        &store,
        Some(&kubeconfig),
        LayerOptions::default(),
    )?;
    running.stands_on(cluster.servers);
    Ok(running)
}

/// Starts kubekv with the one face that is measured.
fn serve(
    place: &mut FieldPlace<'_>,
    protocol: TargetProtocol,
    store: &str,
    kubeconfig: Option<&Path>,
    layer: LayerOptions,
) -> Result<RunningDeployment, FieldError> {
    let program = place.find(FieldProgram::Kubekv)?;
    let address = place.address()?;
    let of = |face: TargetProtocol| {
        if face == protocol {
            address.clone()
        } else {
            "off".to_owned()
        }
    };
    // Loads come from one address, and so would those of other servers be limited.
    let arguments = [
        ["--store", store],
        ["--consul", &of(TargetProtocol::Consul)],
        ["--etcd", &of(TargetProtocol::Etcd2)],
        ["--zookeeper", &of(TargetProtocol::ZooKeeper)],
        ["--admin", "off"],
        ["--log-level", "warn"],
        ["--consul-connections-per-address", "0"],
    ];
    let mut command = place.launcher.command(&program.path);
    command.arg("serve").args(arguments.as_flattened());
    command.args(&layer.serve);
    if let Some(path) = kubeconfig {
        command.env("KUBECONFIG", path);
    }
    let target = format!("{}://{address}", protocol.scheme());
    place.run("kubekv", command, program.version, target, layer.access)
}

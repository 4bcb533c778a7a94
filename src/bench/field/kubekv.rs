//! kubekv as a server of the field.

use std::path::Path;
use std::process::Command;

use super::credentials::{self, LayerOptions};
use super::error::FieldError;
use super::etcd;
use super::kubernetes;
use super::layer::SecurityLayer;
use super::program::{FieldProgram, FoundProgram};
use super::repeated_command::RepeatedCommand;
use super::running::{FieldPlace, RunningDeployment};
use super::standby::{GatewayPair, GatewayStart};
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

/// Starts kubekv with the one face that is measured. Of a store that several gateways share, a second one can be started.
fn serve(
    place: &mut FieldPlace<'_>,
    protocol: TargetProtocol,
    store: &str,
    kubeconfig: Option<&Path>,
    layer: LayerOptions,
) -> Result<RunningDeployment, FieldError> {
    let program = place.find(FieldProgram::Kubekv)?;
    let is_shared = !store.starts_with("embedded:");
    let served = ServedStore {
        program: &program,
        protocol,
        store,
        kubeconfig,
        options: &layer.serve,
    };
    let (command, first) = served.gateway(place, "kubekv", is_shared)?;
    let target = first.target.clone();
    let mut running = place.run(
        "kubekv",
        command,
        program.version.clone(),
        target,
        layer.access,
    )?;
    if is_shared {
        let (_command, other) = served.gateway(place, "kubekv-2", is_shared)?;
        running.pair = Some(GatewayPair {
            running: first,
            other,
        });
    }
    Ok(running)
}

/// What each gateway of a store serves.
struct ServedStore<'a> {
    program: &'a FoundProgram,
    protocol: TargetProtocol,
    store: &'a str,
    kubeconfig: Option<&'a Path>,
    options: &'a [String],
}

impl ServedStore<'_> {
    /// The command of a gateway, and how it is started again. One of several says at its admin port whether it stands by.
    fn gateway(
        &self,
        place: &mut FieldPlace<'_>,
        name: &'static str,
        is_shared: bool,
    ) -> Result<(Command, GatewayStart), FieldError> {
        let address = place.address()?;
        let admin = if is_shared {
            place.address()?
        } else {
            "off".to_owned()
        };
        let of = |face: TargetProtocol| {
            if face == self.protocol {
                address.clone()
            } else {
                "off".to_owned()
            }
        };
        // Loads come from one address, and so would those of other servers be limited.
        let arguments = [
            ["--store", self.store],
            ["--consul", &of(TargetProtocol::Consul)],
            ["--etcd", &of(TargetProtocol::Etcd2)],
            ["--zookeeper", &of(TargetProtocol::ZooKeeper)],
            ["--admin", &admin],
            ["--log-level", "warn"],
            ["--consul-connections-per-address", "0"],
        ];
        let mut command = place.launcher.command(&self.program.path);
        command.arg("serve").args(arguments.as_flattened());
        command.args(self.options);
        if let Some(path) = self.kubeconfig {
            command.env("KUBECONFIG", path);
        }
        let start = GatewayStart {
            name,
            target: format!("{}://{address}", self.protocol.scheme()),
            admin,
            command: RepeatedCommand::of(&command),
        };
        Ok((command, start))
    }
}

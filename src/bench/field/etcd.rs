//! etcd, one member, for version 2 or 3 of its API.

use super::error::FieldError;
use super::program::FieldProgram;
use super::running::{FieldPlace, RunningDeployment};
use crate::bench::target::TargetProtocol;

/// Starts one.
pub(super) fn start(
    place: &mut FieldPlace<'_>,
    program: FieldProgram,
    protocol: TargetProtocol,
) -> Result<RunningDeployment, FieldError> {
    let found = place.find(program)?;
    let (address, peer) = (place.address()?, place.address()?);
    let (client, peer) = (format!("http://{address}"), format!("http://{peer}"));
    let data = place.directory.join("etcd").display().to_string();
    let cluster = format!("default={peer}");
    let mut arguments = vec![
        ["--data-dir", &data],
        ["--listen-client-urls", &client],
        ["--advertise-client-urls", &client],
        ["--listen-peer-urls", &peer],
        ["--initial-advertise-peer-urls", &peer],
        ["--initial-cluster", &cluster],
        ["--log-level", "error"],
    ];
    // Version 3 keeps every revision until it is compacted, and stops at 2 GiB by default.
    if protocol == TargetProtocol::Etcd3 {
        arguments.push(["--quota-backend-bytes", "8589934592"]);
    }
    let mut command = place.launcher.command(&found.path);
    command.args(arguments.as_flattened());
    if protocol == TargetProtocol::Etcd2 {
        command.arg("--enable-v2");
    }
    let target = format!("{}://{address}", protocol.scheme());
    let mut running = place.run("etcd", command, found.version, target)?;
    if protocol == TargetProtocol::Etcd3 {
        running.metrics = Some(address);
    }
    Ok(running)
}

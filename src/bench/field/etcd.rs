//! etcd, one member, for version 2 or 3 of its API.

use super::credentials;
use super::error::FieldError;
use super::etcd_users;
use super::program::FieldProgram;
use super::running::{FieldPlace, RunningDeployment};
use crate::bench::target::TargetProtocol;

/// Starts one.
pub(super) fn start(
    place: &mut FieldPlace<'_>,
    program: FieldProgram,
    protocol: TargetProtocol,
) -> Result<RunningDeployment, FieldError> {
    started(place, program, protocol, &[])
}

/// Starts one with version 2 of the API, TLS, certificates of clients, and users that are known by them.
pub(super) fn secured(place: &mut FieldPlace<'_>) -> Result<RunningDeployment, FieldError> {
    credentials::certificates(place)?;
    let file = |name: &str| place.directory.join(name).display().to_string();
    let tls = [
        ["--cert-file".to_owned(), file("server.crt")],
        ["--key-file".to_owned(), file("server.key")],
        ["--trusted-ca-file".to_owned(), file("ca.crt")],
    ];
    let running = started(
        place,
        FieldProgram::Etcd2,
        TargetProtocol::Etcd2,
        tls.as_flattened(),
    )?;
    let address = running.target.replacen("etcd2://", "", 1);
    etcd_users::make(place, &address)?;
    Ok(running)
}

fn started(
    place: &mut FieldPlace<'_>,
    program: FieldProgram,
    protocol: TargetProtocol,
    tls: &[String],
) -> Result<RunningDeployment, FieldError> {
    let found = place.find(program)?;
    let (address, peer) = (place.address()?, place.address()?);
    let scheme = if tls.is_empty() { "http" } else { "https" };
    let (client, peer) = (format!("{scheme}://{address}"), format!("http://{peer}"));
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
    let mut access = Vec::new();
    if !tls.is_empty() {
        command.args(tls).arg("--client-cert-auth");
        access = credentials::shown(place);
        let authority = place.directory.join("ca.crt");
        access.extend(["--tls-ca".to_owned(), authority.display().to_string()]);
    }
    let target = format!("{}://{address}", protocol.scheme());
    let mut running = place.run("etcd", command, found.version, target, access)?;
    if protocol == TargetProtocol::Etcd3 {
        running.metrics = Some(address);
    }
    Ok(running)
}

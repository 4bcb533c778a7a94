//! Connecting to a member: one TCP connection for each client, from its own source address.

use std::path::Path;
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::failure::{failure, root_cause};
use crate::bench::client::Failure;
use crate::bench::target::{LoadTarget, TargetServer};
use crate::remote::read_file;

/// How long a connection and its TLS handshake may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to a server and authenticates; the number of the connection chooses its source address.
pub(super) async fn connect(
    target: &LoadTarget,
    server: &TargetServer,
    number: u64,
) -> Result<Client, Failure> {
    let endpoint = endpoint(target, server, number)?;
    let connecting = async {
        let channel = endpoint.connect().await.map_err(|error| {
            let cause = root_cause(&error);
            Failure::Connection(cause)
        })?;
        let mut options = ConnectOptions::new();
        if let Some((user, password)) = &target.credentials.user {
            options = options.with_user(user, password);
        }
        let client = Client::from_channel(Channel::Tonic(channel), Some(options)).await;
        client.map_err(|error| failure(&error))
    };
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
    connected.unwrap_or(Err(Failure::Timeout))
}

fn endpoint(target: &LoadTarget, server: &TargetServer, number: u64) -> Result<Endpoint, Failure> {
    let bad = |error: tonic::transport::Error| Failure::Connection(root_cause(&error));
    let scheme = if target.is_encrypted() {
        "https"
    } else {
        "http"
    };
    let endpoint = Endpoint::from_shared(format!("{scheme}://{}", server.name))
        .map_err(bad)?
        .tcp_nodelay(true)
        .local_address(target.bind.map(|range| range.address(number)));
    if target.is_encrypted() {
        endpoint.tls_config(tls(target)?).map_err(bad)
    } else {
        Ok(endpoint)
    }
}

fn tls(target: &LoadTarget) -> Result<ClientTlsConfig, Failure> {
    let read = |path: &Path| read_file(path).map_err(|error| Failure::Connection(error.0));
    let access = &target.credentials.files.access;
    let mut config = ClientTlsConfig::new();
    if let Some(path) = &access.authorities {
        config = config.ca_certificate(Certificate::from_pem(read(path)?));
    }
    if let Some((certificate, key)) = &access.certificate {
        config = config.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    Ok(config)
}

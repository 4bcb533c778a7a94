//! A client of the admin port, which reports the gateway itself and not the leader that it relays to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};
use ureq::Agent;

use super::gateway::{self, GatewayAddress};
use super::tls::TlsArguments;
use crate::cli::exit::{self, CommandError};

/// The default admin port.
const DEFAULT_PORT: u16 = 9280;

/// The time limit of a request.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The limit of an answer, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// The admin port to query.
#[derive(Debug, Args)]
pub(in crate::cli) struct AdminAddress {
    /// The admin port of the same gateway [default: port 9280 of the host of --address, if it belongs to the same gateway]
    #[arg(long, value_name = "HOST:PORT", env = "KUBEKV_ADMIN_ADDRESS")]
    admin: Option<String>,
}

/// The answer of `/status`.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cli) struct GatewayStatus {
    pub(in crate::cli) name: String,
    pub(in crate::cli) version: String,
    pub(in crate::cli) role: String,
    pub(in crate::cli) leader: Option<String>,
    pub(in crate::cli) term: Option<u64>,
    /// Whether the faces answer: as the leader, or by relaying.
    pub(in crate::cli) serves: bool,
    /// Docker's records that would harm daemons; missing without a Docker guard.
    pub(in crate::cli) quarantined: Option<Vec<QuarantinedKey>>,
    consul: Option<SocketAddr>,
}

/// A record that would harm daemons, and how.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::cli) struct QuarantinedKey {
    pub(in crate::cli) key: String,
    pub(in crate::cli) why: String,
}

impl AdminAddress {
    /// Fetches the status of the gateway at `target`. Without `--admin` it asks the default admin port of that host, and
    /// returns `None` unless that port belongs to the same gateway.
    pub(in crate::cli) fn fetch(
        &self,
        target: &GatewayAddress,
    ) -> Result<Option<GatewayStatus>, CommandError> {
        if let Some(given) = &self.admin {
            let address = gateway::authority(given).ok_or_else(|| {
                CommandError::new(
                    exit::USAGE,
                    "--admin: want HOST:PORT, for example 127.0.0.1:9280",
                )
            })?;
            return fetch_status(&address, target.tls())?
                .map(Some)
                .map_err(|error| {
                    let line =
                        format!("cannot reach an admin port of kubekv at {address}: {error}");
                    CommandError::new(exit::UNREACHABLE, line)
                });
        }
        let authority = target.authority()?;
        let Some((host, port)) = authority.rsplit_once(':') else {
            return Ok(None);
        };
        let status = fetch_status(&format!("{host}:{DEFAULT_PORT}"), target.tls())?.ok();
        Ok(status.filter(|status| {
            status
                .consul
                .is_some_and(|own| is_same_face(own, host, port))
        }))
    }
}

/// Whether the face that listens on `own` is the one at this host and port.
fn is_same_face(own: SocketAddr, host: &str, port: &str) -> bool {
    let same_host = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => own.ip() == ip || own.ip().is_unspecified(),
        // A name that resolved to this admin port resolves to this host.
        Err(_) => true,
    };
    same_host && own.port().to_string() == port
}

/// Asks over TLS, where there is some, and without: the admin port may have none although the faces do. Nothing secret is sent.
fn fetch_status(
    address: &str,
    tls: &TlsArguments,
) -> Result<Result<GatewayStatus, ureq::Error>, CommandError> {
    let agent = Agent::config_builder()
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(TIMEOUT))
        .user_agent(concat!("kubekv/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.config()?)
        .build()
        .new_agent();
    let asked = read_status(&agent, tls.scheme(), address);
    if asked.is_err() && tls.scheme() != "http" {
        return Ok(read_status(&agent, "http", address).or(asked));
    }
    Ok(asked)
}

fn read_status(agent: &Agent, scheme: &str, address: &str) -> Result<GatewayStatus, ureq::Error> {
    let mut answer = agent.get(format!("{scheme}://{address}/status")).call()?;
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_vec()?;
    serde_json::from_slice(&body).map_err(|error| ureq::Error::Other(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_port_of_another_gateway_is_not_used() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(is_same_face(at("127.0.0.1:8500"), "127.0.0.1", "8500"));
        assert!(is_same_face(at("0.0.0.0:8500"), "10.0.0.1", "8500"));
        assert!(is_same_face(at("[::1]:8500"), "[::1]", "8500"));
        assert!(is_same_face(at("127.0.0.1:8500"), "localhost", "8500"));
        assert!(!is_same_face(at("127.0.0.1:8501"), "127.0.0.1", "8500"));
        assert!(!is_same_face(at("10.0.0.2:8500"), "10.0.0.1", "8500"));
    }
}

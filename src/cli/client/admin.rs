//! The admin port of a gateway, which tells of the gateway itself and not of the one that it relays to.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use ureq::Agent;

use super::target::{self, Target};
use crate::cli::exit::{self, Failure};

/// The port it has where nobody gave it another.
const PORT: u16 = 9280;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Which admin port is asked.
#[derive(Debug, Args)]
pub(in crate::cli) struct Admin {
    /// The admin port of the same gateway [default: port 9280 of the host of --address, where that is the same gateway's]
    #[arg(long, value_name = "HOST:PORT", env = "KUBEKV_ADMIN_ADDRESS")]
    admin: Option<String>,
}

/// What a gateway says of itself.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::cli) struct About {
    pub(in crate::cli) name: String,
    pub(in crate::cli) version: String,
    pub(in crate::cli) role: String,
    pub(in crate::cli) leader: Option<String>,
    pub(in crate::cli) term: Option<u64>,
    /// Whether its faces answer: by itself, or by relaying.
    pub(in crate::cli) serves: bool,
    consul: Option<SocketAddr>,
}

impl Admin {
    /// What the gateway of a Consul face says of itself. Where nobody named its admin port, nothing, unless the one at the
    /// usual place is of the very gateway.
    pub(in crate::cli) fn ask(&self, target: &Target) -> Result<Option<About>, Failure> {
        if let Some(given) = &self.admin {
            let address = target::authority(given).ok_or_else(|| {
                Failure::new(
                    exit::USAGE,
                    "--admin: want HOST:PORT, for example 127.0.0.1:9280",
                )
            })?;
            return ask(&address).map(Some).map_err(|error| {
                let line = format!("cannot reach an admin port of kubekv at {address}: {error}");
                Failure::new(exit::UNREACHABLE, line)
            });
        }
        let asked = target.authority()?;
        let Some((host, port)) = asked.rsplit_once(':') else {
            return Ok(None);
        };
        let about = ask(&format!("{host}:{PORT}")).ok();
        Ok(about.filter(|about| about.consul.is_some_and(|own| is_of(own, host, port))))
    }
}

/// Whether a face that listens there is the one at this host and port.
fn is_of(own: SocketAddr, host: &str, port: &str) -> bool {
    let same_host = match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(ip) => own.ip() == ip || own.ip().is_unspecified(),
        // A name that led to this admin port leads to this host.
        Err(_) => true,
    };
    same_host && own.port().to_string() == port
}

fn ask(address: &str) -> Result<About, ureq::Error> {
    let config = Agent::config_builder()
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(PATIENCE))
        .user_agent(concat!("kubekv/", env!("CARGO_PKG_VERSION")))
        .build();
    let mut answer = config
        .new_agent()
        .get(format!("http://{address}/status"))
        .call()?;
    let body = answer
        .body_mut()
        .with_config()
        .limit(LONGEST)
        .read_to_vec()?;
    serde_json::from_slice(&body).map_err(|error| ureq::Error::Other(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_port_of_another_gateway_is_not_believed() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(is_of(at("127.0.0.1:8500"), "127.0.0.1", "8500"));
        assert!(is_of(at("0.0.0.0:8500"), "10.0.0.1", "8500"));
        assert!(is_of(at("[::1]:8500"), "[::1]", "8500"));
        assert!(is_of(at("127.0.0.1:8500"), "localhost", "8500"));
        assert!(!is_of(at("127.0.0.1:8501"), "127.0.0.1", "8500"));
        assert!(!is_of(at("10.0.0.2:8500"), "10.0.0.1", "8500"));
    }
}

//! What the gateway is told: by flags, over the environment, over a file, over defaults.
//!
//! Each option is one row of [`OPTIONS`], and so a flag (`--consul`), a variable (`KUBEKV_CONSUL`) and a key of the
//! TOML file (`consul`) by itself. All three are read as the same text by the same parser, and every error names the
//! place the text came from. The environment is read nowhere else.

mod access;
mod address;
mod advertise;
mod data_dir;
mod environment;
mod file;
mod log;
mod names;
mod options;
mod relay;
mod resolve;
mod settings;
mod store;
mod transfer;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::time::Duration;

pub use access::{StoreAccess, StorePassword};
pub use data_dir::default_data_dir;
pub use log::{Log, LogFormat, format_asked};
pub use options::{Kind, OPTIONS, OptionSpec};
pub use settings::{Place, Setting, Settings};
pub use store::StoreUrl;
pub use transfer::{SourceAccess, SourceUrl, TRANSFER, source, target};

/// Everything the gateway is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where entries are kept.
    pub store: StoreUrl,
    /// How it is reached.
    pub store_access: StoreAccess,
    /// Which ports to listen on.
    pub listen: Listen,
    /// Where other gateways reach the relay's port, `HOST:PORT`; `None` for the address it listens on.
    pub relay_advertise: Option<String>,
    /// What etcd's `/v2/members` names, as `http://host:port`; empty for the address a client came by.
    pub etcd_advertise: Vec<String>,
    /// The name of the one node in Consul's catalog and sessions.
    pub node_name: String,
    /// The name of the one datacenter in Consul's answers.
    pub datacenter: String,
    /// The most connections open at a time, over all faces.
    pub max_connections: usize,
    /// How long the lead of a shared store lasts without a heartbeat.
    pub lead_duration: Duration,
    /// What is logged, and how.
    pub log: Log,
}

/// The addresses of the faces, the admin port and the relay; `None` is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// Consul's HTTP API.
    pub consul: Option<SocketAddr>,
    /// etcd's API, version 2.
    pub etcd: Option<SocketAddr>,
    /// Health, metrics and version.
    pub admin: Option<SocketAddr>,
    /// Connections that other gateways of a shared store relay.
    pub relay: Option<SocketAddr>,
}

/// Something the gateway was told that it cannot do: one line that names the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);

impl ConfigError {
    pub(crate) fn at(place: &Place, what: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {what}"))
    }
}

/// Puts the configuration together from the flags given and the variables of the environment, and the file that one
/// of them names.
pub fn load(
    flags: Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let mut settings = environment::read(environment)?;
    settings.override_with(flags);
    let settings = match settings.take("config") {
        Some(path) => {
            let mut under = file::read(&path)?;
            under.override_with(settings);
            under
        }
        None => settings,
    };
    resolve::resolve(settings)
}

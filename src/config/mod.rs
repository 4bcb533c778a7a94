//! Configuration: flags override environment variables, which override the file, which overrides the defaults.
//!
//! One row of [`OPTIONS`] makes an option a flag (`--consul`), a variable (`KUBEKV_CONSUL`) and a key of the TOML file
//! (`consul`). The same parser reads all three as text. Every error names the origin of the text. No other module reads
//! the environment.

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
pub use log::{LogConfig, LogFormat, requested_format};
pub use options::{OPTIONS, OptionSpec, ValueKind};
pub use settings::{Setting, SettingOrigin, Settings};
pub use store::StoreUrl;
pub use transfer::{SourceAccess, SourceUrl, TRANSFER_OPTIONS, source, target};

/// The configuration of a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The store that holds the entries.
    pub store: StoreUrl,
    /// The credentials for the store.
    pub store_access: StoreAccess,
    /// The addresses to listen on.
    pub listen: Listen,
    /// The address where other gateways reach the relay port, `HOST:PORT`; `None` for the address it listens on.
    pub relay_advertise: Option<String>,
    /// The client URLs that etcd's `/v2/members` returns, as `http://host:port`; empty for the address that the client
    /// connected to.
    pub etcd_advertise: Vec<String>,
    /// The name of the one node in Consul's catalog and sessions.
    pub node_name: String,
    /// The name of the one datacenter in Consul's answers.
    pub datacenter: String,
    /// The limit of open connections, over all faces.
    pub max_connections: usize,
    /// How long leadership of a shared store lasts without a heartbeat.
    pub lead_duration: Duration,
    /// The log settings.
    pub log: LogConfig,
}

/// The listen addresses of the faces, the admin port and the relay; `None` is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// Consul's HTTP API.
    pub consul: Option<SocketAddr>,
    /// etcd's API, version 2.
    pub etcd: Option<SocketAddr>,
    /// Health, metrics and version.
    pub admin: Option<SocketAddr>,
    /// The relay: connections that other gateways of a shared store forward.
    pub relay: Option<SocketAddr>,
}

/// A configuration error: one line that names the option and its origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);

impl ConfigError {
    pub(crate) fn at(origin: &SettingOrigin, what: impl std::fmt::Display) -> Self {
        Self(format!("{origin}: {what}"))
    }
}

/// Loads the configuration from flags, environment variables and the file that one of them names.
pub fn load(
    flags: Settings,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigError> {
    let mut settings = environment::read(environment)?;
    settings.override_with(flags);
    let settings = match settings.take("config") {
        Some(path) => {
            let mut from_file = file::read(&path)?;
            from_file.override_with(settings);
            from_file
        }
        None => settings,
    };
    resolve::resolve(settings)
}

//! Configuration: flags override environment variables, which override the file, which overrides the defaults.
//!
//! One row of [`OPTIONS`] makes an option a flag (`--consul`), a variable (`KUBEKV_CONSUL`) and a key of the TOML file
//! (`consul`). The same parser reads all three as text. Every error names the origin of the text. No other module reads
//! the environment.

mod access;
mod address;
mod advertise;
mod audit;
mod data_dir;
mod directories;
mod environment;
mod error;
mod file;
mod gateway_config;
mod guard;
mod hosts;
mod log;
mod memory_size;
mod names;
mod options;
mod policy;
mod relay;
mod resolve;
mod settings;
mod store;
mod tls;
mod transfer;
mod zookeeper;

use std::ffi::OsString;

pub use access::{StoreAccess, StorePassword};
pub use audit::AuditOptions;
pub use data_dir::default_data_dir;
pub use error::ConfigError;
pub use gateway_config::{Config, ConnectionsPerAddress, Listen};
pub use guard::GuardConfig;
pub use log::{LogConfig, LogFormat, requested_format};
pub use options::{OPTIONS, OptionSpec, ValueKind};
pub use policy::{PolicyConfig, PolicyOrigin};
pub use settings::{Setting, SettingOrigin, Settings};
pub use store::StoreUrl;
pub use tls::{ClientTlsOptions, TlsConfig, TlsOptions};
pub use transfer::{
    BENCH_OPTIONS, BENCH_TARGET, BenchUrl, SourceAccess, SourceUrl, TRANSFER_OPTIONS, bench_target,
    source, target,
};

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

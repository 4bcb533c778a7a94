//! Where the log goes: standard error.

use std::io::{self, IsTerminal};

use kubekv::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Begins to log.
pub(super) fn init(log: &Log) {
    // The database under the embedded store tells each step it takes; the store tells what matters of that.
    let filter = match log.filter.as_str() {
        "info" => "info,fjall=warn,lsm_tree=warn",
        other => other,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

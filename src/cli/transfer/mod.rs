//! Commands that move entries: between a running gateway and a file, and between any source and any store.

mod acl;
mod export;
mod from_to;
mod import;
mod output;
mod progress;
mod report;

use std::future::Future;

use kubekv::config::{LogConfig, LogFormat};
use kubekv::transfer;

pub(super) use acl::Acl;
pub(super) use export::Export;
pub(super) use import::Import;

use super::exit::{self, CommandError};
use super::log;

impl From<transfer::Error> for CommandError {
    fn from(error: transfer::Error) -> Self {
        use transfer::Error;
        let code = match &error {
            Error::Unreachable(_) => exit::UNREACHABLE,
            Error::Refused(_) => exit::REFUSED,
            Error::Input(_) => exit::USAGE,
            Error::Store(_) => exit::STORE,
            Error::NotEmpty(_) => exit::NO,
        };
        Self::new(code, error.to_string())
    }
}

/// Runs a transfer, with warnings of the stores on standard error.
fn run<T>(transfer: impl Future<Output = Result<T, transfer::Error>>) -> Result<T, CommandError> {
    log::init(&LogConfig {
        filter: "warn".to_owned(),
        format: LogFormat::Text,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(transfer);
    runtime.shutdown_background();
    Ok(outcome?)
}

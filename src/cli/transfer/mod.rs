//! The commands that move entries: between a running gateway and a file, and between any server and any store.

mod export;
mod given;
mod import;
mod output;
mod progress;
mod report;

use std::future::Future;

use kubekv::config::{Log, LogFormat};
use kubekv::transfer;

pub(super) use export::Export;
pub(super) use import::Import;

use super::exit::{self, Failure};
use super::log;

impl From<transfer::Error> for Failure {
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

/// Runs what reads or writes stores; what they complain of is shown.
fn run<T>(what: impl Future<Output = Result<T, transfer::Error>>) -> Result<T, Failure> {
    log::init(&Log {
        filter: "warn".to_owned(),
        format: LogFormat::Text,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(what);
    runtime.shutdown_background();
    Ok(done?)
}

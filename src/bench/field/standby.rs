//! `GatewayPair`: the two gateways of a shared store, of which one can stand by for the other.

use std::time::Duration;

use super::error::FieldError;
use super::plain_get::plain_get;
use super::process::FieldProcess;
use super::repeated_command::RepeatedCommand;

/// The time between two looks whether a gateway stands by.
const PAUSE: Duration = Duration::from_millis(10);

/// A gateway that can be started.
#[derive(Clone, Debug)]
pub(super) struct GatewayStart {
    /// The name of its process.
    pub(super) name: &'static str,
    /// The URL for `kubekv bench`.
    pub(super) target: String,
    /// HOST:PORT of its admin port.
    pub(super) admin: String,
    /// Its command.
    pub(super) command: RepeatedCommand,
}

/// The two gateways of a shared store: the one that runs, and the one that is started to stand by.
#[derive(Debug)]
pub(super) struct GatewayPair {
    /// The one that runs.
    pub(super) running: GatewayStart,
    /// The other one.
    pub(super) other: GatewayStart,
}

impl GatewayPair {
    /// The other one runs now.
    pub(super) fn swap(&mut self) {
        std::mem::swap(&mut self.running, &mut self.other);
    }
}

impl GatewayStart {
    /// Waits until its process has read the store and relays to the leader.
    pub(super) fn until_it_stands_by(
        &self,
        process: &mut FieldProcess,
        patience: Duration,
    ) -> Result<(), FieldError> {
        process.until_yes(patience, PAUSE, || {
            Ok(match plain_get(&self.admin, "/readyz") {
                Ok(page) if page.ends_with("relaying\n") => Ok(()),
                Ok(page) => Err(page),
                Err(error) => Err(error.to_string()),
            })
        })
    }
}

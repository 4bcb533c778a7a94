//! `DockerRefusalLog`: log lines about what the Docker guard finds, few enough that no client can flood the log.

use super::mode::DockerGuardMode;
use crate::guard::line_budget::LineBudget;
use crate::model::{Caller, Key};

/// Writes log lines about changes of Docker's records: the key and the reason, never a value.
#[derive(Debug, Default)]
pub(super) struct DockerRefusalLog(LineBudget);

impl DockerRefusalLog {
    /// Logs a refusal, or counts it as left out.
    pub(super) fn refused(
        &self,
        mode: DockerGuardMode,
        caller: &Caller,
        key: &Key,
        (reason, why): (&'static str, &str),
    ) {
        let Caller::Client { face, peer, .. } = caller else {
            return;
        };
        let Some(left_out) = self.0.permit() else {
            return;
        };
        let what = match mode {
            DockerGuardMode::Warn => "the Docker guard would refuse this",
            DockerGuardMode::Enforce => "refused by the Docker guard",
        };
        let face = face.as_str();
        tracing::warn!(face, %peer, %key, reason, left_out, "{what}: {why}");
    }

    /// Names what is not known of a record.
    pub(super) fn unknown(&self, caller: &Caller, key: &Key, fields: &str) {
        let Caller::Client { face, peer, .. } = caller else {
            return;
        };
        let Some(left_out) = self.0.permit() else {
            return;
        };
        let face = face.as_str();
        tracing::info!(face, %peer, %key, fields, left_out, "the Docker guard does not know all of a record; it is written");
    }
}
